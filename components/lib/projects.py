"""Import modules from the folder of a user's file, apart from those of any other folder.

Two projects may both have a `utils.py`. Each folder's modules get names of their own in `sys.modules` (the folder's
hash is part of them), and the import statements in them look into their own folder first, also when they run later,
inside a function. A file that has changed since it was imported is imported anew, with all others of its folder.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import linecache
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


class Project:
    """The modules of one folder.

    Args:
        folder: Absolute.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._suffix = f"_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
        self._sources: dict[str, tuple[Path, str]] = {}  # by name in sys.modules: file, and hash of what was imported

    def load(self, stem: str) -> ModuleType:
        """Import a file of the folder, or give it where it has been imported and no file has changed since.

        Args:
            stem: Name of the file, without ``.py``.

        Raises:
            Exception: Whatever the module raises.
        """
        if any(_digest(path) != digest for path, digest in self._sources.values()):
            for name in self._sources:
                sys.modules.pop(name, None)
            self._sources.clear()
            importlib.invalidate_caches()
        return importlib.import_module(stem + self._suffix)

    def owns(self, name: str) -> bool:
        """Say whether a top-level name in ``sys.modules`` is of this folder."""
        return name.endswith(self._suffix)

    def note(self, name: str, path: Path, source: bytes) -> None:
        """Remember what was imported from a file."""
        self._sources[name] = path, hashlib.sha256(source).hexdigest()

    def find(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Find a module of the folder.

        Args:
            fullname: Its name in ``sys.modules``.
            path: Of its package; None of a top-level module.
        """
        top, _, rest = fullname.partition(".")
        stem = fullname.rpartition(".")[2] if rest else top.removesuffix(self._suffix)
        for folder in path if path is not None and rest else [str(self._folder)]:
            finder = FileFinder(folder, (SourceFileLoader, [".py"]))
            found = finder.find_spec(stem)
            if found is None:
                continue
            inside = found.submodule_search_locations
            spec = ModuleSpec(fullname, None, origin=found.origin, is_package=inside is not None)
            if inside is not None:
                spec.submodule_search_locations = list(inside)
            if found.loader is not None:  # else a folder without __init__.py
                assert found.origin is not None
                spec.loader = _Loader(fullname, found.origin, self)
                spec.has_location = True
            return spec
        return None

    def has(self, name: str) -> bool:
        """Say whether an import statement in the folder means a module of it."""
        package = self._folder / name
        if (self._folder / f"{name}.py").is_file():
            return True
        if not any(package.glob("*.py")):
            return False
        # A package that can be imported by its own name is that one, and not a second copy.
        found = PathFinder.find_spec(name)
        places = list(found.submodule_search_locations or []) if found else []
        return str(package) not in [str(Path(place).resolve()) for place in places]

    def import_statement(
        self,
        name: str,
        variables: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Do what an import statement in the folder asks for; the arguments are those of ``__import__``."""
        top, _, rest = name.partition(".")
        if level or not self.has(top):
            return builtins.__import__(name, variables, local, fromlist or (), level)
        own = top + self._suffix
        return builtins.__import__(f"{own}.{rest}" if rest else own, variables, local, fromlist or (), 0)


class _Loader(SourceFileLoader):
    """Runs a file's source as it is now: Python's cache of bytecode misses a change within the same second."""

    def __init__(self, fullname: str, path: str, project: Project) -> None:
        super().__init__(fullname, path)
        self._project = project

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        self._project.note(fullname, Path(path), source)
        linecache.checkcache(path)
        code: CodeType = self.source_to_code(source, path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._project.import_statement}
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of all folders that were asked for."""

    def __init__(self) -> None:
        self._projects: dict[Path, Project] = {}

    def project(self, folder: Path) -> Project:
        return self._projects.setdefault(folder, Project(folder))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        top = fullname.partition(".")[0]
        owners = (project for project in self._projects.values() if project.owns(top))
        return next((spec for project in owners if (spec := project.find(fullname, path))), None)


_FINDER = _Finder()
sys.meta_path.insert(0, _FINDER)


def load_file(path: Path) -> ModuleType:
    """Import a Python file and, from its folder, what it imports.

    Args:
        path: Of a ``.py`` file.

    Returns:
        The module; the same as before where no file of the folder that it came with has changed.

    Raises:
        Exception: Whatever the module raises.
    """
    path = path.resolve()
    return _FINDER.project(path.parent).load(path.stem)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
