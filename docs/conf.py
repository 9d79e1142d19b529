"""How the documentation is built: `sphinx-build -W docs docs/_build`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import gallery  # noqa: E402  found beside this file only after the line above
import ops_table  # noqa: E402

import autograd_lite  # noqa: E402

project = "autograd_lite"
author = "the autograd_lite authors"
copyright = "2026, the autograd_lite authors"
version = release = autograd_lite.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"autograd_lite {version}"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # each docstring has the types, with shapes
napoleon_google_docstring = False
napoleon_use_rtype = False

# The library writes these pages itself, so they cannot go out of date.
gallery.make()
(HERE / "ops.md").write_text(ops_table.page(), encoding="utf-8")
