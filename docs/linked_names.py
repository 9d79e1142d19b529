"""Links the names in a page to their entries in the API reference: `ag.grad` in a sentence, and in a code block."""

from __future__ import annotations

import builtins
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

#: What pages call the modules.
SHORT = {
    "ag": "autograd_lite", "nn": "autograd_lite.nn", "F": "autograd_lite.nn.functional", "optim": "autograd_lite.optim",
    "lr_scheduler": "autograd_lite.optim.lr_scheduler", "training": "autograd_lite.training",
    "testing": "autograd_lite.testing", "strategies": "autograd_lite.testing.strategies",
    "autograd_lite": "autograd_lite",
}  # fmt: skip
NAME = re.compile(rf"({'|'.join(SHORT)})((?:\.\w+)+)(?:\(.*\))?", re.DOTALL)
#: The same in highlighted code.
IN_CODE = re.compile(
    rf'<span class="n">({"|".join(SHORT)})</span>((?:<span class="o">\.</span><span class="n">\w+</span>)+)'
)


class InSentences(SphinxPostTransform):
    """Turns literals that name something with an entry into links to it."""

    default_priority = 20  # after references are resolved

    def run(self, **kwargs: object) -> None:
        objects = self.env.domains["py"].objects
        table = "ag." if self.env.docname == "ops" else ""  # where a row is named without a module
        for node in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(table + node.astext())
            if match and not _inside(node, (nodes.reference, nodes.title)):
                name = SHORT[match[1]] + match[2]
                if found := objects.get(name):
                    here, there = self.env.docname, found.docname
                    node.replace_self(make_refnode(self.app.builder, here, there, found.node_id, node.deepcopy(), name))


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def without_words(app: Any, doctree: nodes.document) -> None:
    """Remove the links of words in a type: in "array, shape (n,)", `shape` is not the function."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("reftype") == "class" and node["reftarget"].isalpha() and node["reftarget"].islower():
            node.replace_self(node.children)


def in_docstring(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve a name that is not found: on the page of a module it may be one of that module."""
    if node.get("refdomain") == "py" and env.docname.startswith("reference/"):
        for module in (f"autograd_lite.{env.docname.removeprefix('reference/')}", "autograd_lite"):
            name = f"{module}.{node['reftarget']}"
            if name in env.domains["py"].objects and node["reftarget"] not in dir(builtins):
                found = env.domains["py"].objects[name]
                return make_refnode(app.builder, env.docname, found.docname, found.node_id, contnode, name)
    return None


def in_code(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Link the names in the code blocks of a page; of ``ag.nn.Linear.weight`` the part that has an entry."""
    objects = app.env.domains["py"].objects

    def linked(match: re.Match[str]) -> str:
        parts = re.findall(r'class="n">(\w+)', match[2])
        for count in range(len(parts), 0, -1):
            found = objects.get(".".join([SHORT[match[1]], *parts[:count]]))
            if found:
                target = f"{app.builder.get_relative_uri(pagename, found.docname)}#{found.node_id}"
                return f'<a class="name" href="{target}">{match[0]}</a>'
        return match[0]

    if doctree is not None:
        context["body"] = IN_CODE.sub(linked, context["body"])
