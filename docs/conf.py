"""How the documentation is built: `sphinx-build -W docs docs/_build`."""

import sys
from pathlib import Path

from docutils.nodes import SkipNode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import gallery  # noqa: E402  found beside this file only after the line above
import home_page  # noqa: E402
import lesson_pages  # noqa: E402
import linked_names  # noqa: E402
import notebook_pages  # noqa: E402
import ops_table  # noqa: E402
import reference  # noqa: E402
from mathml import mathml  # noqa: E402

import autograd_lite  # noqa: E402
from autograd_lite.derive.mathml import STYLE  # noqa: E402  imports come after the path is set
from autograd_lite.drawing import available  # noqa: E402

project = "autograd_lite"
author = "the autograd_lite authors"
copyright = "2026, the autograd_lite authors"
version = release = autograd_lite.__version__

# MyST-NB is MyST for notebooks too.
markdown = "myst_nb" if notebook_pages.EXECUTED else "myst_parser"
extensions = [markdown, "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
default_role = "literal"  # `x` in a docstring is the name of a parameter
exclude_patterns = ["_build", "extra"]
html_theme = "furo"
html_title = f"autograd_lite {version}"
html_static_path = ["_static", "extra/style"]
html_extra_path = ["extra"]  # made below
html_css_files = ["math.css", "docs.css"]
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # each docstring has the types, with shapes
napoleon_google_docstring = False
napoleon_use_rtype = False

# The button copies what can be run: neither prompts nor results.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True


def inline(translator, node, block=False):
    """Write mathematics as MathML, as the library's own page does: readers need neither a script nor a network."""
    translator.body.append(mathml(node.astext(), block))
    raise SkipNode


def display(translator, node):
    inline(translator, node, block=True)


def keep_literal_blocks(app, what, name, obj, options, lines):
    """Indent a literal block that is all of a docstring after its summary: without other lines it lost its margin."""
    start = next((k for k, line in enumerate(lines) if line.endswith("::")), len(lines))
    rest = [line for line in lines[start + 1 :] if line]
    if rest and not rest[0].startswith(" "):
        lines[start + 1 :] = [f"    {line}" if line else "" for line in lines[start + 1 :]]


def setup(app):
    if available():
        app.tags.add("pictures")
    app.connect("autodoc-process-docstring", keep_literal_blocks)
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.connect("env-check-consistency", reference.check)
    app.connect("doctree-read", linked_names.without_words)
    app.add_post_transform(linked_names.InSentences)
    app.connect("missing-reference", linked_names.in_docstring)
    app.connect("html-page-context", linked_names.in_code)


# The library writes these pages itself, so they cannot go out of date.
home_page.make()
notebook_pages.make()
gallery.make()
lesson_pages.make()
reference.make()
(HERE / "extra" / "style").mkdir(parents=True, exist_ok=True)
(HERE / "extra" / "style" / "math.css").write_text(STYLE, encoding="utf-8")
(HERE / "ops.md").write_text(ops_table.page(), encoding="utf-8")
