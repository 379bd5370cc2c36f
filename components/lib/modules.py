"""Load a module that the user names by path or by dotted name."""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib
import importlib.util
import linecache
import shutil
import sys
import sysconfig
import tempfile
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from components.lib.projects import load_file
from pipeline_tools import errors, storage
from pipeline_tools.errors import InputError

TEXT_SUFFIXES = (".pbtxt", ".textproto", ".prototxt", ".txt")
"""Files that hold a schema or an eval config themselves, in protobuf's text format."""


def load_attribute(name: str, attribute: str, parameter: str) -> Any:
    """Load a module and get one of its attributes.

    Args:
        name: Path or ``gs://`` URI of a ``.py`` file, or dotted name of a module that can be imported.
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
        attribute: Its name in a module.
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
        name: Path or ``gs://`` URI of a ``.py`` file, or dotted name of a module that can be imported.
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
        return _load_by_name(name)
    except InputError:
        raise
    except ModuleNotFoundError as error:
        if not name.endswith(".py") and error.name and (name == error.name or name.startswith(error.name + ".")):
            raise InputError(
                f"{parameter}={name}: there is no module {error.name!r}. Give the path of a .py file, or put its "
                "folder on the PYTHONPATH (in a cluster: into the image)"
            ) from None
        raise InputError(f"{parameter}={name}: {where(error)}: {error}") from error
    except Exception as error:
        raise InputError(f"{parameter}={name}: {where(error)}: {type(error).__name__}: {error}") from error


def _load_file(path: Path, parameter: str) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{parameter}={path}: no such file")
    return load_file(path)


def _load_object(uri: str, parameter: str) -> ModuleType:
    """Load a module from a bucket; its folder is named by its content, so that the same content is the same module."""
    if not uri.endswith(".py"):
        raise InputError(f"{parameter}={uri}: must be a .py file, or of {', '.join(TEXT_SUFFIXES)} where text is asked")
    content = storage.read_bytes(uri, f"{parameter}={uri}")
    path = _copies() / hashlib.sha256(content).hexdigest()[:12] / uri.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)  # it stays while this process does: tracebacks and TensorFlow look into the source
    return load_file(path)


def _load_by_name(name: str) -> ModuleType:
    """Import a module by its dotted name, anew where it or what came with it has changed since."""
    sources = _imported.get(name, {})
    if any(_digest(file) != digest for file, digest in sources.values()):
        for each, (file, _) in sources.items():
            sys.modules.pop(each, None)
            # Python takes bytecode for current where source of the same length was written in the same second.
            Path(importlib.util.cache_from_source(file)).unlink(missing_ok=True)
            linecache.checkcache(file)
        importlib.invalidate_caches()
    before = {*sys.modules} - {name}
    module = importlib.import_module(name)
    if name not in _imported or module is not _modules.get(name):
        new = {each: getattr(sys.modules[each], "__file__", None) for each in {*sys.modules} - before}
        _imported[name] = {each: (file, _digest(file)) for each, file in new.items() if file and _is_users(file)}
        _modules[name] = module
    return module


_imported: dict[str, dict[str, tuple[str, str]]] = {}
"""By dotted name that was loaded: the user's modules that came with it, each with its file and the file's hash."""

_modules: dict[str, ModuleType] = {}


def _digest(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if Path(file).is_file() else ""


@functools.cache
def _copies() -> Path:
    """Give the directory of the modules that this process has fetched."""
    directory = Path(tempfile.mkdtemp(prefix="taxi-modules-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def where(error: BaseException) -> str:
    """Say in which file and line of the user's an error arose.

    Args:
        error: With its traceback.

    Returns:
        ``file.py, line 12`` of the innermost frame that is neither Python's, nor an installed package's, nor ours;
        where all are, the last one.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = _frames(error)
    if not frames:
        return "an unknown line"
    file, line = ([frame for frame in frames if _is_users(frame[0])] or frames)[-1]
    return f"{Path(file).name}, line {line}"


def _frames(error: BaseException) -> list[tuple[str, int]]:
    """List files and lines, the innermost last; of code that TensorFlow rewrote, those of the source."""
    frames: list[tuple[str, int]] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        own = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(each.__traceback__)]
        rewritten = getattr(getattr(each, "ag_error_metadata", None), "translated_stack", ())
        own += [(frame.filename, frame.lineno) for frame in reversed(rewritten)]
        frames = [*own, *frames] if any(_is_users(file) for file, _ in frames) else [*frames, *own]
        each = each.__cause__ or each.__context__
    return frames


_LIBRARIES = tuple(
    str(Path(path).resolve())
    for path in {
        *(sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")),
        str(Path(__file__).parents[1]),  # components
        str(Path(errors.__file__).parent),  # pipeline_tools
    }
)


def _is_users(file: str) -> bool:
    # What TensorFlow's autograph makes of a function is in a temporary file.
    if file.startswith("<") or "__autograph_generated_file" in file or "site-packages" in file:
        return False
    return not str(Path(file).resolve()).startswith(tuple(f"{library}/" for library in _LIBRARIES))
