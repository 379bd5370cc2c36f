"""Modules that a user names by path or dotted name."""

import contextlib
import inspect
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from components.lib.modules import load_attribute, load_module, load_text, where
from pipeline_tools.errors import InputError


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
    with pytest.raises(InputError, match=r"p=gone\.away: there is no module 'gone'.*PYTHONPATH"):
        load_attribute("gone.away", "f", "p")


def test_texts(tmp_path: Path) -> None:
    assert load_text(write(tmp_path / "a.pbtxt", "feature {}"), "SCHEMA", "schema") == "feature {}"
    assert load_text(write(tmp_path / "b.py", "SCHEMA = 'x'\n"), "SCHEMA", "schema") == "x"
    with pytest.raises(InputError, match="SCHEMA must be a text, and is a int"):
        load_text(write(tmp_path / "c.py", "SCHEMA = 1\n"), "SCHEMA", "schema")
    with pytest.raises(InputError, match=r"schema=.*d\.pbtxt: no such file"):
        load_text(str(tmp_path / "d.pbtxt"), "SCHEMA", "schema")


def put(gcs: Any, name: str, text: str) -> str:
    gcs.bucket("bucket").blob(name).upload_from_string(text)
    return f"gs://bucket/{name}"


def test_a_module_in_cloud_storage_is_named_by_its_content(gcs: Any) -> None:
    first = load_module(put(gcs, "a/mine.py", "import itertools\nNEW = next(itertools.count())\n"), "p")
    assert load_module("gs://bucket/a/mine.py", "p") is first
    assert load_module(put(gcs, "b/mine.py", "import itertools\nNEW = next(itertools.count())\n"), "p") is first
    other = load_module(put(gcs, "a/mine.py", "NEW = 7\n"), "p")
    assert (first.NEW, other.NEW) == (0, 7)
    assert first.__name__ != other.__name__
    assert inspect.getsource(other) == "NEW = 7\n"


def test_texts_in_cloud_storage(gcs: Any) -> None:
    assert load_text(put(gcs, "a.pbtxt", "feature {}"), "SCHEMA", "schema") == "feature {}"
    assert load_text(put(gcs, "b.py", "SCHEMA = 'x'\n"), "SCHEMA", "schema") == "x"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.py", "\n\nimport no_such_module_of_mine\n", r"m\.py, line 3: No module named 'no_such_module_of_mine'"),
        ("m.py", "\n1 / 0\n", r"m\.py, line 2: ZeroDivisionError: division by zero"),
        ("m.py", "x = 1\n", r"the module has no 'SCHEMA'; it defines x"),
        ("m.json", "{}", r"must be a \.py file, or of \.pbtxt, "),
        ("gone.py", None, "no such bucket or object"),
        ("gone.pbtxt", None, "no such bucket or object"),
    ],
)
def test_what_is_wrong_in_cloud_storage_is_told(gcs: Any, name: str, text: str | None, message: str) -> None:
    if text is not None:
        put(gcs, name, text)
    with pytest.raises(InputError, match=message) as caught:
        load_text(f"gs://bucket/{name}", "SCHEMA", "schema")
    assert str(caught.value).startswith(f"schema=gs://bucket/{name}: ")


def test_each_project_has_its_own_helpers_also_when_it_imports_them_late(tmp_path: Path) -> None:
    """The first project's utils.py was also that of the second."""
    text = (
        "import utils\nfrom lib.deep import DEEP\ndef late():\n    import utils as again\n    return again.NAME, DEEP\n"
    )
    loaded = []
    for project in ("first", "second"):
        (tmp_path / project / "lib").mkdir(parents=True)
        write(tmp_path / project / "utils.py", f"NAME = {project!r}\ndef f(): return NAME\n")
        write(tmp_path / project / "lib" / "deep.py", "import utils\nDEEP = 'deep in ' + utils.NAME\n")
        loaded.append(load_module(write(tmp_path / project / "mine.py", text), "p"))
    for module, project in zip(loaded, ("first", "second"), strict=True):
        assert project == module.utils.NAME
        assert module.late() == (project, f"deep in {project}")
        assert pickle.loads(pickle.dumps(module.utils.f)) is module.utils.f
    assert "utils" not in sys.modules


def test_a_changed_helper_is_loaded_anew_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    """Also a helper's helper, and within the same second, in which Python's cache of bytecode sees no change."""
    write(tmp_path / "deepest.py", "VALUE = 1\n")
    write(tmp_path / "helper.py", "from deepest import VALUE\n")
    name = write(tmp_path / "mine.py", "import helper\n")
    first = load_module(name, "p")
    assert load_module(name, "p") is first
    write(tmp_path / "deepest.py", "VALUE = 2\n")
    assert load_module(name, "p").helper.VALUE == 2
    assert first.helper.VALUE == 1


def test_a_changed_module_is_loaded_anew_by_its_dotted_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "dotted_project").mkdir()
    write(tmp_path / "dotted_project" / "__init__.py", "")
    write(tmp_path / "dotted_project" / "values.py", "VALUE = 1\n")
    write(tmp_path / "dotted_project" / "model.py", "from dotted_project.values import VALUE\n")
    assert load_module("dotted_project.model", "p").VALUE == 1
    write(tmp_path / "dotted_project" / "values.py", "VALUE = 2\n")
    assert load_module("dotted_project.model", "p").VALUE == 2
    assert load_module("dotted_project.model", "p") is load_module("dotted_project.model", "p")


def test_an_installed_package_stays_the_one_that_it_is(tmp_path: Path) -> None:
    module = load_module(write(tmp_path / "mine.py", "import json, components.lib.modules\nM = components.lib\n"), "p")
    assert module.M is sys.modules["components.lib"]
    assert module.json is sys.modules["json"]


def test_an_error_is_where_the_users_code_is_and_not_where_pythons_is(tmp_path: Path) -> None:
    text = "import contextlib, json\n@contextlib.contextmanager\ndef scope(): yield\n"
    text += "def run():\n    with scope():\n        json.loads('{')\n"
    run = load_attribute(write(tmp_path / "mine.py", text), "run", "p")
    with pytest.raises(ValueError, match="property name") as caught, contextlib.ExitStack():
        run()
    assert where(caught.value) == "mine.py, line 6"
