"""Make the page of a run, or of any TFMA result directory."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError
from components.extras import require
from taxi_pipeline.local.result import RECORD_NAME, RunResult
from taxi_pipeline.report.choose import Judged, choose
from taxi_pipeline.report.findings import find_data, find_features, find_matrix
from taxi_pipeline.report.lineage import Lineage, local
from taxi_pipeline.report.steps import describe_run

if TYPE_CHECKING:
    from components.report.view import View

Source = RunResult | str | os.PathLike[str]
"""A run, its directory, or a TFMA result directory."""


def view(source: Source, *, step: str | None = None) -> View:
    """Show a run, or any TFMA result, in a notebook.

    Args:
        source: What ``run`` returned, a run directory, or a TFMA result directory.
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
        page: The file; default ``report.html`` in the run directory, for a TFMA result in the working directory. What
            stands there is replaced.
        step: As for `view`.

    Returns:
        The file.

    Raises:
        InputError: There is no such run, result or step.
    """
    if page is None:
        page = "report.html" if _is_evaluation(source) else _load(source).run_dir / "report.html"
    target = Path(page).absolute()
    if target.is_dir():
        raise InputError(f"{page} is a directory; name a file, for example {Path(page) / 'report.html'}")
    made = _make(source, step=step, page=target)
    try:
        return made.save(target)
    except OSError as error:
        raise InputError(f"{page}: cannot be written: {error.strerror}; name another file with -o") from error


def _is_evaluation(source: Source) -> bool:
    if isinstance(source, RunResult):
        return False
    path = Path(source)
    if not path.exists():
        raise InputError(f"{source}: no such directory")
    if path.is_file():
        raise InputError(f"{source} is a file; give a run directory or a TFMA result directory")
    return not (path / RECORD_NAME).exists() and (path / "eval_config.json").exists()


def _load(source: Source) -> RunResult:
    if isinstance(source, RunResult):
        return source.here()
    if not (Path(source) / RECORD_NAME).exists():
        raise InputError(
            f"{source}: neither a run directory (it has no {RECORD_NAME}) nor a TFMA result directory (it has no "
            "eval_config.json)"
        )
    return RunResult.load(source).here()


def _make(source: Source, *, step: str | None, page: Path | None) -> View:
    evaluation = _is_evaluation(source)
    run = None if evaluation else _load(source)
    judged = Judged({"The model": str(source)}) if run is None else choose(Lineage(run), step)
    if step and run is None:
        raise InputError("step: a TFMA result directory has no steps; leave it out")
    if judged.evaluations:
        with _quiet():
            require("tensorflow_model_analysis")
        # TFMA reads its own files with a function that TensorFlow has called deprecated for years.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    require("jinja2")
    from components.report.answer import answer
    from components.report.evaluation import read_evaluation
    from components.report.page import render
    from components.report.view import View

    models = {name: read_evaluation(local(uri)) for name, uri in judged.evaluations.items()}
    if run is None:
        title = f"Model analysis: {Path(os.fspath(source)).name}"  # type: ignore[arg-type]
        return View(render(models, title=title), answer(models, None, None))
    lineage = Lineage(run)
    described = describe_run(run, page)
    html = render(
        models,
        title=f"{run.pipeline}: {run.run_dir.name}",
        comparison=judged.comparison,
        data=find_data(lineage, judged),
        features=find_features(lineage, judged),
        run=described,
        matrix=find_matrix(lineage, judged),
    )
    return View(html, answer(models, judged.comparison, described))


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
