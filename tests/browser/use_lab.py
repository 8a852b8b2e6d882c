"""Use JupyterLab as a learner does, in Chromium, and print what came of it as JSON.

Run in the site's environment: ``python use_lab.py ADDRESS TASK SCREENSHOTS CHROMIUM`` where
ADDRESS leads to a server started with ``--expose-app-in-browser``, its token included. Tasks:
``solve`` runs all cells and solves the first exercise of the notebook by typing the text of
standard input into its stub; ``slide`` runs the cells up to the first slider and moves it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

READY = """(name) => {  // what an earlier visit left open may stand in front for a while
    const panel = window.jupyterapp && jupyterapp.shell.currentWidget;
    return Boolean(panel && panel.content && panel.content.widgets && panel.context.isReady
        && panel.context.path.endsWith(name)
        && panel.sessionContext.session && panel.sessionContext.session.kernel);
}"""
RUN_ALL = "async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }"
RESULTS = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === "code")
    .map(cell => ({
        run: cell.model.executionCount !== null,
        tags: cell.model.getMetadata("tags") || [],
        said: cell.model.outputs.toJSON().map(output => output.output_type === "error"
            ? "ERROR " + output.evalue : [].concat(output.text || "").join("")),
    }))"""
SELECT = """(tag) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex(
        cell => (cell.model.getMetadata("tags") || []).includes(tag));
    notebook.scrollToItem(notebook.activeCellIndex);
    notebook.activeCell.editor.focus();
}"""
RUN_TO = """async (tag) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex(
        cell => (cell.model.getMetadata("tags") || []).includes(tag));
    notebook.deselectAll();
    await jupyterapp.commands.execute("notebook:run-all-above");
    await jupyterapp.commands.execute("notebook:run-cell");
    notebook.scrollToItem(notebook.activeCellIndex);
}"""
PICTURE = ".jp-Cell:has(.widget-slider) .jp-OutputArea-output img"
DIFFERS = """([selector, before]) => {
    const picture = document.querySelector(selector);
    return picture && picture.complete && picture.src !== before;
}"""
MINUTES = 60_000  # in milliseconds


def solve(page: Page, answer: str) -> str:
    """Type an answer in place of the first stub, run it and its check; what the check says."""
    page.evaluate(SELECT, "exercise-stub")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(answer)
    page.keyboard.press("Shift+Enter")
    page.evaluate(SELECT, "exercise-check")
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(4_000)
    cells = page.evaluate(RESULTS)
    return next("".join(cell["said"]) for cell in cells if "exercise-check" in cell["tags"])


def run_all_and_solve(page: Page, answer: str) -> dict:
    """Run all cells, then solve the first exercise."""
    page.evaluate(RUN_ALL)
    cells = page.evaluate(RESULTS)
    return {
        "cells": len(cells),
        "run": sum(cell["run"] for cell in cells),
        "errors": errors(cells),
        "check": solve(page, answer),
    }


def run_to_slider_and_move_it(page: Page) -> dict:
    """Run the cells up to the first slider and move it to its end; the picture before and after."""
    page.evaluate(RUN_TO, "nbval-ignore-output")
    page.wait_for_selector(PICTURE, timeout=MINUTES)
    pictures = [page.get_attribute(PICTURE, "src")]
    page.locator(".widget-slider .noUi-handle").focus()
    page.keyboard.press("End")
    page.wait_for_function(DIFFERS, arg=[PICTURE, pictures[0]], timeout=MINUTES)
    pictures.append(page.get_attribute(PICTURE, "src"))
    cells = page.evaluate(RESULTS)
    return {
        "errors": errors(cells),
        "run": sum(cell["run"] for cell in cells),
        "pictures": [hashlib.sha256(source.encode()).hexdigest() for source in pictures],
        "place": page.locator(".widget-slider .widget-readout").inner_text(),
    }


def errors(cells: list[dict]) -> list[str]:
    """The errors among all outputs."""
    return [text for cell in cells for text in cell["said"] if text.startswith("ERROR")]


def main(address: str, task: str, screenshots: Path, chromium: str) -> None:
    """Open the notebook, do the task; print a JSON object."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(address)
        notebook = PurePosixPath(urlsplit(address).path).name
        page.wait_for_function(READY, arg=notebook, timeout=2 * MINUTES)
        if task == "slide":
            said = run_to_slider_and_move_it(page)
        else:
            said = run_all_and_solve(page, sys.stdin.read())
        page.screenshot(path=screenshots / f"jupyterlab_{task}.png")
        browser.close()
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
