"""The lessons as HTML pages, and an index with a card for each: question, picture, minutes."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

from nbformat import NotebookNode

from utils.course import places
from utils.course.notebooks import read
from utils.course.rules import FACTS, TITLE

LINK_TO_NOTEBOOK = re.compile(r'(href="[^":]*?)\.ipynb(?=["#])')
PICTURES = {
    "scoreboard.png": "The scoreboard: every method of the course between its yardsticks",
    "race.png": "The race: closeness to real rows against seconds to fit, on four tables",
}
INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Synthetic data, learned by making it</title>
<style>
body {{ font: 17px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem;
       padding: 0 1rem; }}
ol {{ display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr));
     list-style: none; padding: 0; }}
li {{ border: 1px solid #bbb; border-radius: 8px; padding: 1rem; }}
li img {{ background: white; height: 11rem; object-fit: contain; width: 100%; }}
figure {{ margin: 2rem 0; }} figure img {{ max-width: 100%; }}
h2 {{ font-size: 1.1rem; margin: .6rem 0 .3rem; }} p {{ margin: 0; }}
</style>
<h1>Synthetic data, learned by making it</h1>
<ol>
{cards}</ol>
{pictures}</html>
"""
CARD = """<li>{picture}<h2><a href="{page}">{title}</a></h2><p>{facts}</p>{solutions}</li>
"""


def write_pages(pages: dict[Path, NotebookNode], root: Path = places.ROOT) -> None:
    """Write notebooks as HTML pages into ``build/``, with the stored solutions and an index."""
    build = places.build_folder(root)
    solutions = {path: read(path) for path in places.solutions(root)}
    for path, page in {**pages, **solutions}.items():
        target = build / path.relative_to(places.notebooks_folder(root)).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_page(page, path), encoding="utf-8")
    stored = [name for name in PICTURES if (places.results_folder(root) / name).exists()]
    for name in stored:
        shutil.copy(places.results_folder(root) / name, build / name)
    figures = "".join(
        f'<figure><figcaption>{PICTURES[name]}</figcaption><img src="{name}" alt=""></figure>\n'
        for name in stored
    )
    cards = "".join(_card(path, page) for path, page in pages.items())
    index = INDEX.format(cards=cards, pictures=figures)
    (build / "index.html").write_text(index, encoding="utf-8")


def _page(page: NotebookNode, path: Path) -> str:
    """The notebook as one HTML file, whose links to other notebooks lead to their pages."""
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter(template_name="lab", embed_images=True).from_notebook_node(
        page, resources={"metadata": {"name": path.stem, "path": str(path.parent)}}
    )
    return LINK_TO_NOTEBOOK.sub(r"\1.html", body)


def _card(path: Path, page: NotebookNode) -> str:
    """A lesson on the index: its first figure, its question, its minutes and its solutions."""
    first = page.cells[0].source if page.cells else "empty"
    title, facts, figure = TITLE.search(first), FACTS.search(first), first_figure(page)
    solved = places.solution_of(path)
    return CARD.format(
        picture=f'<img src="data:image/png;base64,{figure}" alt="">' if figure else "",
        page=f"{path.stem}.html",
        title=html.escape(title[0].lstrip("# ") if title else path.stem),
        facts=f"{facts['read']} min to read, {facts['run']} min to run" if facts else "",
        solutions=f'<p><a href="solutions/{solved.stem}.html">solutions</a></p>'
        if solved.exists()
        else "",
    )


def first_figure(page: NotebookNode) -> str:
    """The first picture of a lesson as base64 text; empty without any."""
    for cell in page.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                return output["data"]["image/png"].replace("\n", "")
    return ""
