"""The text of a CSV file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a CSV file.

    Args:
        path: What DuckDB reads of it: never compressed, in UTF-8.

    Yields:
        Its text, without a byte order mark, line ends as they are.
    """
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield file
