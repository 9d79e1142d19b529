"""A known step of one derivation: the formulas of its textbook, with the names of this graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..table import Textbook
from .factors import total
from .formula import Expr, name, number
from .textbook_parser import Written, formula


class TextbookStep:
    """The textbook of one call.

    Parameters
    ----------
    book : Textbook
    meanings : mapping of str to Written
        What the names in its formulas stand for.
    introduce : callable
        From the textbook's name for an additional quantity, and its value, to its name here.

    Attributes
    ----------
    where : list of (str, Expr)
        The further quantities, and what they stand for.
    """

    def __init__(self, book: Textbook, meanings: Mapping[str, Written], introduce: Callable[[str, Any], str]) -> None:
        self.book = book
        self.meanings = dict(meanings)
        self.where: list[tuple[str, Expr]] = []
        for word, text in book.where.items():
            written = formula(text, self.meanings)
            new_word, e = introduce(word, written.value), written.expr
            self.meanings[word] = Written(name(new_word, e.shape if e is not None else ()), written.value)
            if e is not None:
                self.where.append((new_word, e))

    @property
    def forward(self) -> Expr:
        """What it computes."""
        return formula(self.book.forward, self.meanings).formula

    @property
    def jacobian(self) -> Expr | None:
        """The derivative of entry i with respect to entry j, where that has a known form."""
        return None if self.book.jacobian is None else formula(self.book.jacobian, self.meanings).formula

    def gradient(self, arguments: Sequence[str], g: Any = None) -> Written | None:
        """The gradient with respect to something that stands for these arguments, and its value for `g`, if given."""
        if not arguments or not self.book.gradients.keys() >= set(arguments):
            return None
        meanings = self.meanings if g is None else {**self.meanings, "g": Written(self.meanings["g"].expr, g)}
        terms = [formula(self.book.gradients[word], meanings) for word in arguments]
        is_computed = all(term.value is not None for term in terms)
        value = sum(term.value for term in terms) if is_computed else None
        return Written(total([term.formula for term in terms]), value)


def parameter(value: Any) -> Written:
    """A keyword parameter, such as an axis; a number can stand in a formula."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Written(number(value) if is_number else None, value)
