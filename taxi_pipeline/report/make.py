"""Make the page of a run, or of any TFMA result directory."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import InputError
from components.extras import require
from taxi_pipeline.local.result import RECORD_NAME, RunResult, Step
from taxi_pipeline.report.lineage import Lineage, given_artifacts, given_parameters, local
from taxi_pipeline.report.steps import describe_run

if TYPE_CHECKING:
    from components.report.data import Data
    from components.report.view import View

Source = RunResult | str | os.PathLike[str]
"""A run, its directory, or a TFMA result directory."""


@dataclass(frozen=True)
class _Judged:
    """The models of a page: by name the evaluation's URI; and the comparison, where there is one."""

    evaluations: Mapping[str, str]
    comparison: Mapping[str, Any] | None = None


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
    return _make(source, step=step, page=target).save(target)


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
        return source
    if not (Path(source) / RECORD_NAME).exists():
        raise InputError(
            f"{source}: neither a run directory (it has no {RECORD_NAME}) nor a TFMA result directory (it has no "
            "eval_config.json)"
        )
    return RunResult.load(source)


def _make(source: Source, *, step: str | None, page: Path | None) -> View:
    evaluation = _is_evaluation(source)
    run = None if evaluation else _load(source)
    judged = _Judged({"The model": str(source)}) if run is None else _choose(Lineage(run), step)
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
        data=_data(lineage, judged),
        features=_features(lineage, judged),
        run=described,
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


def _choose(lineage: Lineage, wanted: str | None) -> _Judged:
    comparing, judging = lineage.steps_with("comparison"), lineage.steps_with("evaluation")
    if wanted is not None:
        known = [*comparing, *judging]
        comparing = [step for step in comparing if wanted in (step.name, step.display_name)]
        judging = [step for step in judging if wanted in (step.name, step.display_name)]
        if not comparing and not judging:
            names = ", ".join(step.label for step in known) or "none of this run's succeeded"
            raise InputError(f"step {wanted!r} has nothing to show; the steps that have are: {names}")
    if comparing:
        return _compared(comparing[-1])
    if len(judging) == 1:
        return _Judged({"The model": judging[0].artifacts["evaluation"].uri})
    return _Judged({step.display_name or step.name: step.artifacts["evaluation"].uri for step in judging})


def _compared(step: Step) -> _Judged:
    """Find the evaluations that were compared: inputs ``evaluation1`` … with the parameters ``name1`` … beside them."""
    names = given_parameters(step)
    prefix = "evaluation"
    evaluations = {
        str(names.get(f"name{name.removeprefix(prefix)}", name)): uri
        for name, uri in sorted(given_artifacts(step).items())
        if name.startswith(prefix)
    }
    path = local(step.artifacts["comparison"]) / "comparison.json"
    return _Judged(evaluations, json.loads(path.read_text(encoding="utf-8")))


def _data(lineage: Lineage, judged: _Judged) -> Data | None:
    from components.report.data import read_data

    makers = [
        lineage.maker(given_artifacts(lineage.maker(uri)).get("examples")) for uri in judged.evaluations.values()
    ] + lineage.steps_with("statistics")
    found = next((step for step in makers if step and "statistics" in step.artifacts), None)
    if found is None:
        return None
    anomalies = found.artifacts.get("anomalies")
    return read_data(local(found.artifacts["statistics"]), local(anomalies) if anomalies else None)


def _features(lineage: Lineage, judged: _Judged) -> dict[str, list[dict[str, Any]]] | None:
    """Read what each model sees from the transform graph it was trained with, which knows the sizes of vocabularies."""
    found = {}
    for name, uri in judged.evaluations.items():
        judging = lineage.maker(uri)
        training = lineage.maker(given_artifacts(judging).get("model"))
        graph = given_artifacts(training).get("transform_graph")
        label_key = given_parameters(judging).get("label_key")
        if graph is None or label_key is None:
            return None  # another's pipeline; the evaluations may still tell
        found[name] = _read_features(local(graph), label_key)
    return found or None


def _read_features(graph: Path, label_key: str) -> list[dict[str, Any]]:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from components.train.features import model_features

    text = (graph / "transformed_metadata" / "schema.pbtxt").read_text(encoding="utf-8")
    features = model_features(text_format.Parse(text, schema_pb2.Schema()), label_key)
    return [
        {"name": each.name, "kind": "category" if each.is_category else "number", "size": each.size}
        for each in features
    ]
