"""What is expensive to make and then only read is made once, also by several workers of pytest-xdist."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

SMALL = {"max_rows": 3000, "train_steps": 60, "hyperparameters": {"hidden_units": [16, 8]}}
"""Arguments of workflow1 for a run that is compared with another way of running it."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock among processes; it ends with the process that holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Make something in a directory that all workers of this session share, or give what another worker made.

    Args:
        tmp_path_factory: Pytest's.
        name: Of the directory; one for each thing.
        make: Gets the directory, which is empty, and gives what `pickle` can keep.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    made = base / f"{name}.pickle"
    with locked(base / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(base / name, ignore_errors=True)
            (base / name).mkdir()
            result = make(base / name)
            made.write_bytes(pickle.dumps(result))
        return pickle.loads(made.read_bytes())
