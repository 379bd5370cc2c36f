"""Find a pipeline by the name that a person gives on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType

from kfp.dsl.base_component import BaseComponent

from pipeline_tools import registry
from pipeline_tools.errors import InputError, PipelineToolsError


def find_workflow(name: str) -> BaseComponent | str:
    """Find what a name means.

    Args:
        name: A registered pipeline (``workflow1``), a pipeline of one's own (``my_module:my_pipeline``, or
            ``my_file.py:my_pipeline``), or the path of a package (``.tar.gz``) or specification (``.yaml``). Modules
            are looked for in the working directory too, and what a file imports in its own directory.

    Returns:
        The pipeline, or the path as it was given.

    Raises:
        InputError: The name means nothing, and the message lists what would; or its module fails while it is imported,
            and the message gives file and line.
    """
    if name.endswith((".tar.gz", ".yaml", ".yml")):
        return name
    module, _, attribute = name.rpartition(":")
    if not module:
        known = registry.entry_points(registry.PIPELINES)
        if name not in known:
            raise InputError(
                f"{name!r} is not a workflow. Give one of {', '.join(known)}, a package (.tar.gz), a specification "
                "(.yaml), or a pipeline of your own as module:function or file.py:function"
            )
        module, attribute = known[name].module, known[name].attr
    else:
        _make_importable(Path.cwd())
    found = _import_file(Path(module)) if module.endswith(".py") else _import_module(module)
    if not hasattr(found, attribute):
        raise InputError(f"{name!r}: module {module!r} has no {attribute!r}")
    pipeline = getattr(found, attribute)
    if not isinstance(pipeline, BaseComponent):
        raise InputError(f"{name!r} is not a pipeline; decorate it with @dsl.pipeline")
    return pipeline


def _import_module(name: str) -> ModuleType:
    """Import a module by its name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _failure(name, error) from error
        raise InputError(
            f"no module {error.name!r} in the working directory or on the Python path (PYTHONPATH)"
        ) from error
    except (Exception, SystemExit) as error:
        raise _failure(name, error) from error


def _import_file(path: Path) -> ModuleType:
    """Import a module by its file; what it imports is looked for in its directory too."""
    path = path.absolute()
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    _make_importable(path.parent)
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: Python cannot import it")
    module = importlib.util.module_from_spec(spec)
    if loaded is None:  # else another module of this name keeps it
        sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if loaded is None:
            sys.modules.pop(name, None)
        raise _failure(str(path), error) from error
    return module


def _make_importable(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _failure(module: str, error: BaseException) -> InputError | PipelineToolsError:
    """Say why a module could not be imported, with the line of it, or of what it imports, that failed."""
    if isinstance(error, PipelineToolsError):
        return error
    shown = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return InputError(f"{module} cannot be imported: {error.filename}, line {error.lineno}: {shown}")
    libraries = tuple({sysconfig.get_path(key) for key in ("stdlib", "purelib", "platlib")})
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*libraries, "<")) and frame.filename != __file__
    ]
    at = f"{os.path.relpath(frames[-1].filename)}, line {frames[-1].lineno}: " if frames else ""
    return InputError(f"{module} cannot be imported: {at}{shown}")
