"""The documentation's site: Sphinx over the Markdown files where they lie (`make docs`).

Its source folder is the repository: a link between two files is the same on a forge and here.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ruamel.yaml import YAML
from sphinx.application import Sphinx

import conpet

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the extensions beside this file

project = "ConPET suite"
author = "The ConPET suite developers"
project_copyright = f"{author}. MIT licence"
version = release = conpet.__version__

extensions = [
    "myst_parser",
    "sphinx_external_toc",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_reference",
    "key_reference",
    "math_markup",
    "part_reference",
]

# pages are those of the table of contents, and no others
external_toc_path = str(HERE / "toc.yml")
_TOC = YAML(typ="safe").load(HERE / "toc.yml")
_ENTRIES = [entry for part in _TOC.get("subtrees", []) for entry in part["entries"]]
root_doc = _TOC["root"]
include_patterns = [f"{name}.md" for name in (root_doc, *(e["file"] for e in _ENTRIES))]
# folders that are not looked into
exclude_patterns = [".*", "build", "conpet", "results/[!R]*", "site", "tests", "workflow"]

myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]  # as forges write a formula
highlight_language = "none"  # an indented block may be a command, YAML or output

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "code"
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "ConPET suite"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}


def _front_page(app: Sphinx, failed: Exception | None) -> None:
    """Show the root page under the name that a server and a reader look for too."""
    if failed is None and app.builder.format == "html":
        out = Path(app.outdir)
        shutil.copyfile(out / f"{root_doc}.html", out / "index.html")


def setup(app: Sphinx) -> None:
    """Register what is ours."""
    app.connect("build-finished", _front_page)
