"""The site and JupyterLab in a real browser, where Debian's chromium is installed.

``apt-get install chromium`` brings it; `make test` then builds the environment that drives it.
Screenshots are kept in ``build/screenshots`` for a person to look at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from utils.course import notebooks, places
from utils.course.site import write_source
from utils.course.site.slides import write_slides

CHROMIUM = shutil.which("chromium")
TOOLS = places.ROOT / "build" / "site_tools" / "bin"
SCREENSHOTS = places.ROOT / "build" / "screenshots"
SCRIPTS = Path(__file__).parent / "browser"
LINK = re.compile(r'<a [^>]*?href="(?!https?:|mailto:|javascript:)(?P<to>[^"]*)"')
LESSON, WITH_SLIDER = "00_start_here", "03_gaussian_mixture"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install it)"),
    pytest.mark.skipif(not TOOLS.exists(), reason="the browser's environment: run `make test`"),
]


def said_by(script: str, *arguments: object, typed: str = "", seconds: int = 600) -> dict:
    """What a script in the site's environment prints, read as JSON."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    command = [TOOLS / "python", SCRIPTS / script, *arguments, SCREENSHOTS, CHROMIUM]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built from what is stored; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    source = write_source(folder=folder / "source")
    command = [TOOLS / "sphinx-build", "-W", "--keep-going", "-q", source, folder / "built"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "built"


@pytest.fixture(scope="module")
def visit(site) -> dict:
    """What a visit of all pages found."""
    return said_by("visit_site.py", site)


class TestSite:
    def test_no_page_has_a_fault_wide_or_narrow(self, visit):
        assert visit["pages"] > 40
        assert not visit["faults"], "\n".join(visit["faults"])

    def test_axe_finds_nothing_serious(self, visit):
        assert not visit["axe"], "\n".join(visit["axe"])

    def test_search_finds_a_term(self, visit):
        assert visit["found"] > 3

    def test_every_internal_link_and_anchor_holds(self, site):
        texts = {
            path: path.read_text(encoding="utf-8")
            for path in site.rglob("*.html")
            if "_static" not in path.parts
        }
        anchors = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in texts.items()}
        broken = []
        for path, text in texts.items():
            for found in LINK.finditer(text):
                file, _, anchor = found["to"].partition("#")
                target = (path.parent / file.partition("?")[0]).resolve() if file else path
                known = anchors.get(target, set())
                if not target.exists() or (anchor and target in texts and anchor not in known):
                    broken.append(f"{path.relative_to(site)}: {found['to']}")
        assert len(texts) > 40 and not broken, "\n".join(sorted(set(broken)))


def test_every_slide_fits_and_asks_no_other_machine(tmp_path):
    where = "import sphinx_revealjs; print(sphinx_revealjs.__path__[0])"
    package = subprocess.run([TOOLS / "python", "-c", where], capture_output=True, text=True)
    write_slides(Path(package.stdout.strip()) / "_static" / "revealjs", folder=tmp_path / "slides")
    seen = said_by("visit_slides.py", tmp_path / "slides")
    assert len(seen["slides"]) == len(places.lessons()) and min(seen["slides"].values()) > 15
    assert not seen["faults"], "\n".join(seen["faults"])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of JupyterLab, started as `make lab` starts it, over a copy of the course."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "utils", "data"):
        shutil.copytree(places.ROOT / name, folder / name)
    dry = subprocess.run(
        ["make", "--dry-run", "lab"], cwd=places.ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in dry.stdout.splitlines() if "jupyter lab" in line]
    _, *arguments = line.split()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = ["--no-browser", f"--port={port}", "--expose-app-in-browser"]
    ours += ["--IdentityProvider.token=course"]
    server = subprocess.Popen(
        [Path(sys.executable).parent / "jupyter", *arguments, *ours],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (start,) = [a.partition("=")[2] for a in arguments if "default_url" in a]
    yield f"http://127.0.0.1:{port}{start}?token=course"
    server.terminate()
    server.wait(timeout=30)


def answer_of(lesson: str) -> str:
    """The worked answer of a lesson's first exercise."""
    page = notebooks.read(places.solution_of(places.notebooks_folder() / f"{lesson}.ipynb"))
    told = next(k for k, cell in enumerate(page.cells) if cell.source.startswith("### Exercise 1"))
    return next(cell.source for cell in page.cells[told:] if cell.cell_type == "code")


def test_a_learner_opens_runs_and_solves_lesson_00(lab):
    answered = said_by("use_lab.py", when_up(lab), "solve", typed=answer_of(LESSON))
    assert answered["errors"] == [] and answered["run"] == answered["cells"] > 20
    assert "pass" in answered["check"].lower(), answered["check"]


def test_the_slider_of_lesson_03_moves_its_picture(lab):
    address = when_up(lab).replace(LESSON, WITH_SLIDER)
    moved = said_by("use_lab.py", address, "slide", seconds=180)
    assert WITH_SLIDER in address and moved["errors"] == [] and moved["run"] > 10
    assert moved["place"] == "60" and len(set(moved["pictures"])) == 2


def when_up(address: str) -> str:
    """The address, once somebody answers there."""
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=5)
            return address
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(f"nobody answers at {address}")
