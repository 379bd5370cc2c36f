"""Modules that a user names by path or dotted name."""

from pathlib import Path

import pytest

from components.errors import InputError
from components.modules import load_attribute, load_text


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_by_path_with_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path / "neighbour_of_mine.py", "VALUE = 3\n")
    name = write(tmp_path / "mine.py", "from neighbour_of_mine import VALUE\ndef preprocessing_fn(x): return VALUE\n")
    assert load_attribute(name, "preprocessing_fn", "p")(None) == 3


def test_by_dotted_name() -> None:
    assert load_attribute("json", "dumps", "p")([1]) == "[1]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"has no 'preprocessing_fn'; it defines x"),
        ("\n\nimport no_such_module_of_mine\n", r"mine\.py, line 3: No module named 'no_such_module_of_mine'"),
        ("\nraise RuntimeError('told so')\n", r"mine\.py, line 2: RuntimeError: told so"),
        ("def f(:\n", r"mine\.py, line 1: SyntaxError"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    name = write(tmp_path / "mine.py", text)
    with pytest.raises(InputError, match=message) as caught:
        load_attribute(name, "preprocessing_fn", "preprocessing_module1")
    assert str(caught.value).startswith(f"preprocessing_module1={name}: ")


def test_a_missing_file_and_a_missing_module(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p=.*gone\.py: no such file"):
        load_attribute(str(tmp_path / "gone.py"), "f", "p")
    with pytest.raises(InputError, match=r"p=gone\.away: there is no module 'gone' here.*PYTHONPATH"):
        load_attribute("gone.away", "f", "p")


def test_texts(tmp_path: Path) -> None:
    assert load_text(write(tmp_path / "a.pbtxt", "feature {}"), "SCHEMA", "schema") == "feature {}"
    assert load_text(write(tmp_path / "b.py", "SCHEMA = 'x'\n"), "SCHEMA", "schema") == "x"
    with pytest.raises(InputError, match="SCHEMA must be a text, and is a int"):
        load_text(write(tmp_path / "c.py", "SCHEMA = 1\n"), "SCHEMA", "schema")
    with pytest.raises(InputError, match=r"schema=.*d\.pbtxt: no such file"):
        load_text(str(tmp_path / "d.pbtxt"), "SCHEMA", "schema")
