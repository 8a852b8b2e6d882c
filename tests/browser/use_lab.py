"""Use JupyterLab as a learner does, in Chromium, and print what came of it as JSON.

Run in the site's environment: ``python use_lab.py ADDRESS SCREENSHOTS CHROMIUM`` where
ADDRESS leads to a server started with ``--expose-app-in-browser``, its token included. The first
exercise of the notebook is solved by typing the text of standard input into its stub.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

READY = """() => {
    const panel = window.jupyterapp && jupyterapp.shell.currentWidget;
    return Boolean(panel && panel.content && panel.content.widgets && panel.context.isReady
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


def main(address: str, screenshots: Path, chromium: str, answer: str) -> None:
    """Open, run, solve; print a JSON object."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(address)
        page.wait_for_function(READY, timeout=2 * MINUTES)
        page.evaluate(RUN_ALL)
        cells = page.evaluate(RESULTS)
        said = {
            "cells": len(cells),
            "run": sum(cell["run"] for cell in cells),
            "errors": [text for cell in cells for text in cell["said"] if text.startswith("ERROR")],
            "check": solve(page, answer),
        }
        page.screenshot(path=screenshots / "jupyterlab.png")
        browser.close()
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.stdin.read())
