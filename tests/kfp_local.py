"""KFP's own local runner, and the process as it was before."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kfp import local
from kfp.local.config import LocalExecutionConfig


@contextmanager
def kfp_local(root: Path, *, raise_on_error: bool = True) -> Iterator[None]:
    """Let pipelines and components that are called run as processes, below a root.

    The steps of a loop run in threads. Each indents what is printed and replaces the handlers of logs, and brings back
    what it found, which is what another thread had put there.
    """
    logger = logging.getLogger()
    written, handlers, level = builtins.print, logger.handlers[:], logger.level
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root), raise_on_error=raise_on_error)
    try:
        yield
    finally:
        LocalExecutionConfig.instance = None
        builtins.print = written
        logger.handlers[:] = handlers
        logger.setLevel(level)
