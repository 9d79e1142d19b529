"""Names that other libraries have: each that is missing here raises an error that says what to write instead."""

from __future__ import annotations

import pytest

import autograd_lite as ag
from autograd_lite.table.migration_hints import OF_AUTOGRAD, OF_THE_LIBRARY, OF_UTILS, REMEDIES


@pytest.mark.parametrize(
    ("obj", "name", "remedy"),
    [
        (obj, *entry)
        for obj, hints in (
            (ag.tensor([1.0]), REMEDIES), (ag, OF_THE_LIBRARY), (ag.autograd, OF_AUTOGRAD), (ag.utils, OF_UTILS),
        )
        for entry in hints.items()
    ],
)
def test_names_from_elsewhere_are_answered(obj, name, remedy):
    assert not hasattr(obj, name), "it exists: take it off the list"
    with pytest.raises(AttributeError) as caught:
        getattr(obj, name)
    assert repr(name) in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("obj", [ag.tensor(1.0), ag])
def test_an_unknown_name(obj):
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        _ = obj.nonsense
    assert not hasattr(obj, "_repr_html_")


def test_python_still_suggests_what_was_meant():
    with pytest.raises(AttributeError) as caught:
        _ = ag.tensor(1.0).rehsape
    assert (caught.value.name, type(caught.value.obj)) == ("rehsape", ag.Tensor)
