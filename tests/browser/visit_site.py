"""Visit every page of the built site in Chromium and print what is wrong with it, as JSON.

Run in the site's environment: ``python visit_site.py SITE SCREENSHOTS CHROMIUM``.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import sys
import threading
from functools import partial
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

WIDTHS = (1400, 390)
JUDGED = (  # by axe, and kept as pictures
    "index.html",
    "glossary.html",
    "notebooks/00_start_here.html",
    "notebooks/06_vae.html",
    "reference/utils.synthesizers.html",
)
BROKEN_PICTURES = """[...document.images]
    .filter(image => image.complete && image.naturalWidth === 0).map(image => image.src)"""
NAMELESS_PICTURES = """[...document.querySelectorAll("article img")]
    .filter(image => !image.alt).map(image => image.src)"""
SETTLED = "window.MathJax === undefined || MathJax.startup.promise.then(() => true)"


@contextlib.contextmanager
def served(folder: Path):
    """The folder behind an address of this machine, as a web server would give it."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def watch(page: Page, address: str) -> list[str]:
    """A list that fills with what a page complains of, and with what it asks other machines for."""
    found: list[str] = []
    page.on("console", lambda said: said.type == "error" and found.append(f"console: {said.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on(
        "request",
        lambda asked: (
            asked.url.startswith(("http:", "https:"))
            and not asked.url.startswith(address)
            and found.append(f"asks another machine: {asked.url}")
        ),
    )
    return found


def faults(page: Page, address: str, name: str, width: int) -> list[str]:
    """What is wrong with a page at a width."""
    page.set_viewport_size({"width": width, "height": 1000})
    found = watch(page, address)
    page.goto(f"{address}/{name}")
    page.evaluate(SETTLED)
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
        found.append(f"{wide} pixels wide on a page of {width}")
    found += [f"broken picture: {source}" for source in page.evaluate(BROKEN_PICTURES)]
    found += [f"picture without a text: {source}" for source in page.evaluate(NAMELESS_PICTURES)]
    return [f"{name} at {width}: {fault}" for fault in found]


def serious(page: Page, name: str) -> list[str]:
    """Serious and critical findings of axe on the page that is open."""
    return [
        f"{name}: axe: {rule['id']} ({rule['impact']}), {len(rule['nodes'])} times, such as "
        f"{rule['nodes'][0]['html'][:120]}"
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in ("serious", "critical")
    ]


def search(page: Page, address: str, word: str) -> int:
    """How many pages the site's own search finds for a word."""
    page.goto(f"{address}/search.html?q={word}")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    return page.locator("#search-results li a").count()


def main(site: Path, screenshots: Path, chromium: str) -> None:
    """Visit all pages; print a JSON object."""
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    names = [name for name in names if not name.startswith(("_static", "_sources"))]
    said: dict = {"pages": len(names), "faults": [], "axe": []}
    with served(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in names:
            for width in WIDTHS:
                page = browser.new_page()
                said["faults"] += faults(page, address, name, width)
                if name in JUDGED:
                    shot = (
                        screenshots / f"{name.removesuffix('.html').replace('/', '_')}_{width}.png"
                    )
                    page.screenshot(path=shot)
                    said["axe"] += serious(page, f"{name} at {width}")
                page.close()
        page = browser.new_page()
        said["found"] = search(page, address, "likelihood")
        browser.close()
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
