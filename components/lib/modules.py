"""Load a module that the user names by path or by dotted name."""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib
import importlib.util
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline_tools import storage
from pipeline_tools.errors import InputError

TEXT_SUFFIXES = (".pbtxt", ".textproto", ".prototxt", ".txt")
"""Files that hold a schema or an eval config themselves, in protobuf's text format."""


def load_attribute(name: str, attribute: str, parameter: str) -> Any:
    """Load a module and take one thing out of it.

    Args:
        name: Path or ``gs://`` URI of a ``.py`` file, or dotted name of a module that can be imported here.
        attribute: What the module must define.
        parameter: The parameter that gave the name; errors mention it.

    Returns:
        The attribute.

    Raises:
        InputError: No such module, it fails while it is imported, or it lacks the attribute.
    """
    module = load_module(name, parameter)
    try:
        return getattr(module, attribute)
    except AttributeError:
        has = ", ".join(key for key in vars(module) if not key.startswith("_")) or "nothing"
        raise InputError(f"{parameter}={name}: the module has no {attribute!r}; it defines {has}") from None


def load_text(name: str, attribute: str, parameter: str) -> str:
    """Load a text that the user names: a schema or an eval config.

    Args:
        name: Path or ``gs://`` URI of a file with the text (`TEXT_SUFFIXES`) or of a ``.py`` file, or dotted name of
            a module.
        attribute: Where the text stands in a module.
        parameter: The parameter that gave the name; errors mention it.

    Returns:
        The text.

    Raises:
        InputError: No such file or module, or the module has no such text.
    """
    if name.endswith(TEXT_SUFFIXES):
        if storage.is_remote(name):
            return storage.read_text(name, f"{parameter}={name}")
        path = Path(name)
        if not path.is_file():
            raise InputError(f"{parameter}={name}: no such file")
        return path.read_text(encoding="utf-8")
    text = load_attribute(name, attribute, parameter)
    if not isinstance(text, str):
        raise InputError(f"{parameter}={name}: {attribute} must be a text, and is a {type(text).__name__}")
    return text


def load_module(name: str, parameter: str) -> ModuleType:
    """Load a module by path, ``gs://`` URI or dotted name.

    Args:
        name: Path or ``gs://`` URI of a ``.py`` file, or dotted name of a module that can be imported here.
        parameter: The parameter that gave the name; errors mention it.

    Returns:
        The module.

    Raises:
        InputError: No such module, or it fails while it is imported; the message names the line.
    """
    try:
        if storage.is_remote(name):
            return _load_object(name, parameter)
        if name.endswith(".py"):
            return _load_file(Path(name), parameter)
        return importlib.import_module(name)
    except InputError:
        raise
    except ModuleNotFoundError as error:
        if not name.endswith(".py") and error.name and (name == error.name or name.startswith(error.name + ".")):
            raise InputError(
                f"{parameter}={name}: there is no module {error.name!r} here. Give the path of a .py file, or put its "
                "folder on the PYTHONPATH (in a cluster: into the image)"
            ) from None
        raise InputError(f"{parameter}={name}: {where(error)}: {error}") from error
    except Exception as error:
        raise InputError(f"{parameter}={name}: {where(error)}: {type(error).__name__}: {error}") from error


def _load_file(path: Path, parameter: str) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{parameter}={path}: no such file")
    return _execute(path, f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}")


def _load_object(uri: str, parameter: str) -> ModuleType:
    """Load a module from Cloud Storage; its name tells its content, so that the same content is the same module."""
    if not uri.endswith(".py"):
        raise InputError(f"{parameter}={uri}: must be a .py file, or of {', '.join(TEXT_SUFFIXES)} where text is asked")
    content = storage.read_bytes(uri, f"{parameter}={uri}")
    digest = hashlib.sha256(content).hexdigest()[:12]
    path = _copies() / digest / uri.rpartition("/")[2]
    name = f"{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)  # it stays while this process lives: tracebacks and TensorFlow look into the source
    return _execute(path, name)


@functools.cache
def _copies() -> Path:
    """Give the directory of the modules that this process has fetched."""
    directory = Path(tempfile.mkdtemp(prefix="taxi-modules-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _execute(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that what it defines can be pickled
    sys.path.insert(0, str(path.parent.resolve()))  # so that it can import its neighbours
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.pop(0)
    return module


def where(error: BaseException) -> str:
    """Say in which file and line of the user's an error arose.

    Args:
        error: With its traceback.

    Returns:
        ``file.py, line 12`` of the innermost frame outside installed packages; the innermost of all if there is none.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "unknown place"
    here = str(Path(__file__).parent)
    own = [
        frame
        for frame in frames
        if "site-packages" not in frame.filename
        and "importlib" not in frame.filename
        and "/tmp/__autograph" not in frame.filename  # noqa: S108
        and not frame.filename.startswith(here)
    ]
    frame = (own or list(frames))[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
