"""Take away what no step, worker or trainer reads: ``python slim.py ROOT``. Prints what was dropped, in MB.

Everything that Python can import stays, but for the tests of libraries. docs/image.md says what this saves.
"""

import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = {".a", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".inc", ".pxd", ".pxi", ".pyi", ".pyx"}
"""Compilers and type checkers read these."""

FOLDERS = ("tests", "tensorflow/include", "pyarrow/include", "pyarrow/src", "numpy/_core/include", "nltk/test")

UNUSED = ("clang/native/libclang.so",)
"""TensorFlow's builders ask for it; nothing loads it."""

STRIPPED = ("apache_beam", "pyarrow", "tensorflow", "tfx_bsl")
"""The packages whose libraries come with symbols for debuggers. Those of others have none, or are left alone."""


def size(path: Path) -> int:
    """Bytes of a file or of all files below a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.lstat().st_size for each in files)


def drop(paths: list[Path]) -> int:
    """Remove files and folders; give their bytes."""
    dropped = 0
    for path in paths:
        if path.exists():  # a folder in it may have gone before
            dropped += size(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return dropped


def strip(libraries: list[Path]) -> int:
    """Take symbols for debuggers out of shared libraries; give the bytes saved."""
    before = sum(size(path) for path in libraries)
    for path in libraries:
        subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)
    return before - sum(size(path) for path in libraries)


def main(root: str) -> None:
    """Make the packages below a root smaller."""
    (found,) = Path(root).rglob("*-packages/tensorflow/__init__.py")
    packages = found.parent.parent
    folders = [path for name in FOLDERS for path in packages.rglob(name) if path.is_dir()]
    report("headers and tests", drop(folders))
    report("sources", drop([path for path in packages.rglob("*") if path.suffix in SOURCES and path.is_file()]))
    report("never loaded", drop([packages / name for name in UNUSED]))
    libraries = [path for name in STRIPPED for path in (packages / name).rglob("*.so*")]
    report("symbols", strip([path for path in libraries if path.is_file() and not path.is_symlink()]))


def report(what: str, saved: int) -> None:
    """Print one line."""
    print(f"dropped {what:18} {saved / 1e6:6.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1])
