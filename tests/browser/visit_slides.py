"""Show every slide in Chromium and print what is wrong with it, as JSON.

Run in the site's environment: ``python visit_slides.py SLIDES SCREENSHOTS CHROMIUM``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from visit_site import served, watch

SHOWN = {"03_gaussian_mixture": (0, 4, 9), "07_diffusion": (6,)}  # kept as pictures
HEIGHT = 700  # of a slide, in its own pixels
TOO_TALL = f"""Reveal.getSlides().map((slide, place) => [place, slide.scrollHeight])
    .filter(([place, height]) => height > {HEIGHT}).map(found => found.join(": "))"""


def visit(page: Page, address: str, name: str, screenshots: Path) -> tuple[int, list[str]]:
    """How many slides a page has, and what is wrong with them."""
    found = watch(page, address)
    page.goto(f"{address}/{name}.html")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.evaluate("Reveal.configure({viewDistance: 1000, transition: 'none'})")
    page.wait_for_timeout(300)
    found += [f"too tall: slide {slide}" for slide in page.evaluate(TOO_TALL)]
    for place in SHOWN.get(name, ()):
        page.evaluate(f"Reveal.slide({place})")
        page.wait_for_timeout(300)
        page.screenshot(path=screenshots / f"slide_{name}_{place}.png")
    return page.evaluate("Reveal.getTotalSlides()"), [f"{name}: {fault}" for fault in found]


def main(slides: Path, screenshots: Path, chromium: str) -> None:
    with served(slides) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        counts, faults = {}, []
        for path in sorted(slides.glob("*.html")):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            counts[path.stem], found = visit(page, address, path.stem, screenshots)
            faults += found
        browser.close()
    print(json.dumps({"slides": counts, "faults": faults}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
