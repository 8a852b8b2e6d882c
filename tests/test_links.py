"""Links: targets exist, badges come from one address, lessons follow each other."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from utils.course import places
from utils.course.notebooks import Page
from utils.course.places import ROOT, binder_link, colab_link, read_address, slug
from utils.course.rules import section

LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|(?:href|src)=\"([^\"]+)\"")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LESSON_FILE = re.compile(r"\b(\d\d)_\w+\.ipynb")
LESSON_MENTION = re.compile(r"\[(?:[Ll]esson )?(\d\d)\b[^\]]*\]\(([^)]+)\)")
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "data").rglob("*.md")),
    *places.all_notebooks(),
]
ADDRESS = read_address()


def text_of(path: Path) -> str:
    """A Markdown file, or the Markdown cells of a notebook."""
    if path.suffix == ".ipynb":
        return "\n\n".join(cell.source for cell in Page.read(path).prose)
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """The same, code left out."""
    return CODE.sub("", text_of(path))


def links(text: str) -> list[str]:
    """Targets of all links and pictures in a text."""
    return [first or second for first, second in LINK.findall(text)]


def anchors(path: Path) -> set[str]:
    """What can stand after # in a link to a page: JupyterLab keeps case, GitHub lowers it."""
    headings = re.findall(r"^#+ (.+?)\s*$", prose(path), re.MULTILINE)
    exact = {heading.replace(" ", "-") for heading in headings}
    lowered = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return exact | lowered


def broken(path: Path) -> list[str]:
    """Relative links of a page that lead nowhere."""
    wrong = []
    for link in links(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path):
    assert not broken(path), f"{path.name} has links that lead nowhere: {broken(path)}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_badges_come_from_the_address(path):
    assert not (wrong := foreign_badges(prose(path))), (
        f"{path.name}: not made from {ADDRESS}, or no such notebook: {wrong}"
    )


def foreign_badges(text: str) -> list[str]:
    """Links to Colab or Binder that are not what the address and an existing notebook make."""
    files = [notebook.relative_to(ROOT).as_posix() for notebook in places.all_notebooks()]
    good = {make(ADDRESS, file) for make in (colab_link, binder_link) for file in files}
    badge = re.compile(r"https://(?:colab\.research\.google\.com/github/|mybinder\.org/v2/)")
    return [link for link in links(text) if badge.match(link) and link not in good]


@pytest.mark.parametrize("path", places.lessons(), ids=lambda path: path.stem)
def test_next_leads_to_the_next_lesson(path):
    text = section(Page.read(path), "## Next")
    following = [lesson for lesson in places.lessons() if lesson.name > path.name][:1]
    named = LESSON_FILE.findall(text)
    if following:
        assert following[0].name in text, (
            f"'## Next' of {path.name} does not lead to {following[0].name}"
        )
    else:
        assert not named and re.search(r"to come|planned|not here yet", text), (
            f"{path.name} is the last lesson so far: '## Next' must say what is to come"
        )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lesson_is_called_by_its_own_number(path):
    wrong = misnumbered(prose(path))
    assert not wrong, f"{path.name}: link text and file disagree: {wrong}"


def misnumbered(text: str) -> list[tuple[str, str]]:
    """Links like ``[lesson 02](03_x.ipynb)``, whose text names another number than the file."""
    pairs = [(number, LESSON_FILE.search(link)) for number, link in LESSON_MENTION.findall(text)]
    return [(number, file[0]) for number, file in pairs if file and file[1] != number]


@pytest.mark.parametrize("path", places.all_notebooks(), ids=lambda path: path.stem)
def test_lessons_that_are_mentioned_exist_or_are_said_to_come(path):
    """Words like "lesson 09" need a lesson, or a word beside them that it is not here yet."""
    there = {places.number(lesson) for lesson in places.lessons()}
    for paragraph in prose(path).split("\n\n"):
        absent = set(re.findall(r"\b[Ll]essons? (\d\d)\b", paragraph)) - there
        promised = re.search(r"to come|planned|later|not here yet|will ", paragraph)
        assert not absent or promised, (
            f"{path.name} speaks of lesson {sorted(absent)}, which is not there: {paragraph[:80]}"
        )


def absent_files(text: str) -> list[str]:
    """Files and folders of the repository that a text names and that are not there."""
    named = re.findall(r"(?<![\w/.])(?:utils|tests|notebooks|data|binder)/[\w/.-]*[\w/]", text)
    return [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_are_named_are_there(path):
    assert not absent_files(text_of(path))


def test_absent_files_are_seen():
    assert absent_files("`utils/tables.py`, utils/course/address.py.") == [
        "utils/course/address.py"
    ]


def test_broken_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '# A head\n[a](b.md) [c](#a-head) [d](#nowhere) `[e](f.md)` <img src="g.png">',
        encoding="utf-8",
    )
    assert broken(page) == ["b.md", "#nowhere", "g.png"]


def test_foreign_badges_are_seen():
    other = colab_link("https://github.com/someone/else", "notebooks/00_start_here.ipynb")
    absent = binder_link(ADDRESS, "notebooks/98_absent.ipynb")
    assert foreign_badges(f"[a]({other}) [b]({absent})") == [other, absent]
    assert slug(ADDRESS) in absent


def test_misnumbered_lessons_are_seen():
    assert misnumbered("[lesson 02](03_gan.ipynb), [02](02_rules.ipynb)") == [
        ("02", "03_gan.ipynb")
    ]
