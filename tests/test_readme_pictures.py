"""The pictures of the README are drawn from its first example."""

from tools import readme_pictures


def test_the_pictures_of_the_readme_are_up_to_date():
    assert readme_pictures.stale() == [], "run python tools/readme_pictures.py"


def test_a_change_is_noticed(monkeypatch, tmp_path):
    scope = readme_pictures.example()
    monkeypatch.setattr(readme_pictures, "example", lambda: scope | {"L": scope["L"] * 2})
    assert readme_pictures.stale() == ["talk.svg", "talk-steps.svg"]
    monkeypatch.setattr(readme_pictures, "FOLDER", tmp_path)
    monkeypatch.setattr(readme_pictures, "example", lambda: scope)
    assert readme_pictures.stale() == ["talk.svg", "talk-steps.svg"]
