"""What a test needs that Python alone does not bring: where it is missing the test skips, and fails with CI=true."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taxi-pipeline"
"""Programs and jars that tests build or fetch once, each under a hash of what it is made of."""


def missing(reason: str) -> NoReturn:
    """Skip the test; with CI=true, where everything is to be installed, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, so this must not be missing: {reason}", pytrace=False)
    pytest.skip(reason)


def go() -> str:
    """Give the path of Go's command."""
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin") or missing("Go (https://go.dev/dl)")
