"""Remove the outputs of notebooks, so that a commit holds no results: `python .ci/hooks/strip_outputs.py FILE...`.

Exits with 1 if it changed a file, as pre-commit expects of a hook that fixes files, and says what it did.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat


def strip(path: Path) -> int:
    """Remove outputs and execution counts from a notebook.

    Args:
        path: The notebook; written only if it changes.

    Returns:
        How many cells had some.
    """
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    if cells:
        nbformat.write(notebook, path)
    return len(cells)


def main(paths: list[str]) -> int:
    """Strip notebooks, and tell which had outputs.

    Args:
        paths: The notebooks.

    Returns:
        The exit code: 1 if a notebook was changed.
    """
    changed = {path: count for path in paths if (count := strip(Path(path)))}
    for path, count in changed.items():
        print(f"{path}: removed the outputs of {count} cells. Add the file again, and commit")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
