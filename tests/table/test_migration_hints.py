"""Names that other libraries have: each that is missing here raises an error that says what to write instead."""

from __future__ import annotations

import pytest

import autograd_lite as ag
from autograd_lite.table.migration_hints import OF_THE_LIBRARY, REMEDIES


@pytest.mark.parametrize(
    ("obj", "name", "remedy"),
    [(ag.tensor([1.0]), *entry) for entry in REMEDIES.items()] + [(ag, *entry) for entry in OF_THE_LIBRARY.items()],
    ids=[f"x.{name}" for name in REMEDIES] + [f"ag.{name}" for name in OF_THE_LIBRARY],
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
