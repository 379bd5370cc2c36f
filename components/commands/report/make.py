"""Make the page of a run, or of any TFMA result directory."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from components.commands.report.choose import ReportContent, choose
from components.commands.report.findings import find_data, find_features, find_matrix
from components.commands.report.lineage import Copies, Lineage
from components.commands.report.steps import describe_run
from pipeline_tools.errors import InputError
from pipeline_tools.extras import require
from pipeline_tools.paths import join, list_files
from pipeline_tools.runs.result import RECORD_NAME, RunResult
from pipeline_tools.storage import is_remote

if TYPE_CHECKING:
    from components.lib.report.view import View

_CONFIG_NAME = "eval_config.json"  # TFMA's name for it

Source = RunResult | str | os.PathLike[str]
"""A run, its directory, or a TFMA result directory; either may be a folder ``gs://bucket/folder``."""


def view(source: Source, *, step: str | None = None) -> View:
    """Show a run, or any TFMA result, in a notebook.

    Args:
        source: What ``run`` returned, a run directory, or a TFMA result directory. Of a folder in Cloud Storage, what
            the page shows is copied to this machine for the time that it takes.
        step: Of a run with several analyses, the `compare` or `tfma_analyze` step to show; default the last comparison,
            else every analysis.

    Returns:
        The view, which notebooks show by themselves, and which ``save`` writes to a file.

    Raises:
        InputError: There is no such run, result or step.
    """
    return _make(source, step=step, page=None)


def write(source: Source, page: str | os.PathLike[str] | None = None, *, step: str | None = None) -> Path:
    """Write the page to a file.

    Args:
        source: As for `view`.
        page: The file; default ``report.html`` in the run directory; for a TFMA result, and what is in Cloud
            Storage, in the working directory. A file of that name is replaced.
        step: As for `view`.

    Returns:
        The file.

    Raises:
        InputError: There is no such run, result or step.
    """
    if page is None:
        page = _run_dir(source) / "report.html"
    target = Path(page).absolute()
    if target.is_dir():
        raise InputError(f"{page} is a directory; name a file, for example {Path(page) / 'report.html'}")
    made = _make(source, step=step, page=target)
    try:
        return made.save(target)
    except OSError as error:
        raise InputError(f"{page}: cannot be written: {error.strerror}; name another file with -o") from error


def _run_dir(source: Source) -> Path:
    """Find the directory that a page goes to by default: of a run on this machine its own."""
    if isinstance(source, RunResult):
        return source.run_dir
    return Path() if is_remote(source) or _is_evaluation(source) else Path(source)


def _is_evaluation(source: str | os.PathLike[str]) -> bool:
    """Tell a TFMA result from a run.

    Raises:
        InputError: It is neither.
    """
    if not is_remote(source) and not Path(source).exists():
        raise InputError(f"{source}: no such directory")
    if not is_remote(source) and Path(source).is_file():
        raise InputError(f"{source} is a file; give a run directory or a TFMA result directory")
    found = {name.rpartition("/")[2] for name in list_files(os.fspath(source), "*.json")}
    if not found & {RECORD_NAME, _CONFIG_NAME}:
        raise InputError(
            f"{source}: neither a run directory (it has no {RECORD_NAME}) nor a TFMA result directory (it has no "
            f"{_CONFIG_NAME})"
        )
    return RECORD_NAME not in found


def _lineage(source: Source, copies: Copies) -> Lineage | None:
    """Load a run; None where the source is a TFMA result."""
    if isinstance(source, RunResult):
        return Lineage(source.with_local_paths(), copies)
    if _is_evaluation(source):
        return None
    if not is_remote(source):
        return Lineage(RunResult.load(source).with_local_paths(), copies)
    record = copies.find(join(os.fspath(source), RECORD_NAME))
    return Lineage(RunResult.load(record.parent), copies)


def _make(source: Source, *, step: str | None, page: Path | None) -> View:
    with tempfile.TemporaryDirectory() as scratch:
        return _make_of(source, Copies(Path(scratch)), step=step, page=page)


def _make_of(source: Source, copies: Copies, *, step: str | None, page: Path | None) -> View:
    place = source.location if isinstance(source, RunResult) else os.fspath(source)
    lineage = _lineage(source, copies)
    shown = choose(lineage, step) if lineage else ReportContent({"The model": place})
    if step and not lineage:
        raise InputError("step: a TFMA result directory has no steps; leave it out")
    if shown.evaluations:
        with _quiet():
            require("tensorflow_model_analysis")
        # TFMA reads its own files with a function that TensorFlow has called deprecated for years.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    require("jinja2")
    from components.lib.artifacts.evaluation import read_evaluation
    from components.lib.report.conclusion import conclusion
    from components.lib.report.page import render
    from components.lib.report.view import View

    models = {name: read_evaluation(copies.find(uri)) for name, uri in shown.evaluations.items()}
    name = Path(place).name
    if not lineage:
        return View(render(models, title=f"Model analysis: {name}"), conclusion(models, None, None))
    described = describe_run(lineage.run, page)
    html = render(
        models,
        title=f"{lineage.run.pipeline}: {name}",
        comparison=shown.comparison,
        data=find_data(lineage, shown),
        features=find_features(lineage, shown),
        run=described,
        matrix=find_matrix(lineage, shown),
    )
    return View(html, conclusion(models, shown.comparison, described))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Swallow what TensorFlow's own code writes about processors before any setting of its log level can reach it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
