"""Settings of the site; Sphinx runs this file in the site's own environment."""

import json
from pathlib import Path

from utils.course.site.docstrings import as_lists

project = "Synthetic data, learned by making it"
author = "The authors of the course"
copyright = "the authors of the course, MIT licence"
extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax from a package, not from a content network
]
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_js_files = ["course.js"]
html_favicon = "_static/favicon.svg"
html_use_index = False
html_theme_options = {
    "repository_branch": "main",
    "path_to_docs": "",
    "use_repository_button": True,
    "use_download_button": True,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search stands in the sidebar
}
html_context = {"default_mode": "auto"}
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Setup cell"
nb_code_prompt_hide = "Setup cell"
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_google_docstring = False


def setup(app):
    """The repository's address is written beside this file; docstrings are put into lists before
    napoleon reads their sections."""
    written = Path(app.confdir, "address.json").read_text(encoding="utf-8")
    app.config.html_theme_options["repository_url"] = json.loads(written)
    app.connect("autodoc-process-docstring", _put_into_lists, priority=100)
    app.connect("autodoc-skip-member", _skip_routing)


def _put_into_lists(app, what, name, obj, options, lines):
    lines[:] = as_lists(lines)


def _skip_routing(app, what, name, obj, skip, options):
    """scikit-learn gives each estimator methods to route metadata by, which no lesson uses."""
    return True if name.endswith("_request") else None
