"""Keep `run.json` up to date while a run goes on."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline_tools.atomic import atomic_file
from pipeline_tools.runs.directory import RunDir
from pipeline_tools.runs.process import this_process
from pipeline_tools.runs.result import RECORD_NAME, RunResult, RunStatus, Step

_WRITE_SHARE = 10  # after a write, wait for ten times the CPU time that it took

Observer = Callable[[RunResult, Step | None], None]
"""Told of every change: the run as it stands, and the step that changed, or none when it is the run itself."""


def utc_now() -> datetime.datetime:
    """Give the time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


class Record:
    """The state of a run, on disk and for whoever watches.

    Args:
        run_dir: The run's directory.
        pipeline: Name of the pipeline.
        parameters: Its parameters, defaults filled in.
        package: The package that is executed.
        observer: Told of every change.
    """

    def __init__(
        self, run_dir: RunDir, pipeline: str, parameters: Mapping[str, Any], package: Path, observer: Observer
    ) -> None:
        self._observer = observer
        self._began = time.monotonic()
        self._next_write = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.result = RunResult(
            run_dir=run_dir.path,
            pipeline=pipeline,
            status="running",
            parameters=dict(parameters),
            package=package,
            package_sha256=hashlib.sha256(package.read_bytes()).hexdigest(),
            versions=versions(),
            started=utc_now().isoformat(timespec="milliseconds"),
            remote=run_dir.remote.uri if run_dir.remote else "",
            process=this_process(),
        )

    @classmethod
    def resume(cls, run_dir: RunDir, before: RunResult, observer: Observer) -> Record:
        """Go on with the record of a run that has ended without succeeding.

        Args:
            run_dir: The run's directory.
            before: The run as it was loaded.
            observer: Told of every change.

        Returns:
            The record: steps that succeeded stay as they are, the others wait, with what is known of their attempts.
        """
        record = cls(run_dir, before.pipeline, before.parameters, before.package, observer)
        steps = {name: _waiting(step) for name, step in before.steps.items()}
        record.result = replace(record.result, started=before.started, steps=steps)
        return record

    def add(self, steps: Iterable[tuple[str, str]]) -> None:
        """Note steps that are going to come.

        Args:
            steps: The name of each, and its display name.
        """
        known = self.result.steps
        added = {name: Step(name, display_name) for name, display_name in steps if name not in known}
        self.result = replace(self.result, steps={**known, **added})

    def change(self, step: str, **changes: Any) -> None:
        """Note something about a step.

        Args:
            step: Its name.
            **changes: Fields of `Step`.
        """
        changed = replace(self.result.steps.get(step, Step(step)), **changes)
        self.result = replace(self.result, steps={**self.result.steps, step: changed})
        self._changed()
        self._observer(self.result, changed)

    def importing(self, module: str, seconds: float | None) -> None:
        """Note what is imported for all steps.

        Args:
            module: Its dotted name.
            seconds: How long it took; none when it begins.
        """
        spent = None if seconds is None else round(seconds, 3)
        self.result = replace(self.result, imports={**self.result.imports, module: spent})
        self._changed()
        self._observer(self.result, None)

    def begin(self) -> None:
        """Write the first state, or raise ``OSError`` where that is impossible."""
        self._write(strictly=True)
        self._observer(self.result, None)

    def end(self, status: RunStatus, outputs: Mapping[str, Any]) -> RunResult:
        """Note how the run ended.

        Args:
            status: How.
            outputs: The parameters that the pipeline returned.

        Returns:
            The final state.
        """
        self.result = replace(
            self.result,
            status=status,
            outputs=dict(outputs),
            ended=utc_now().isoformat(timespec="milliseconds"),
            seconds=round(time.monotonic() - self._began, 3),
        )
        self._write()
        self._observer(self.result, None)
        return self.result

    def _changed(self) -> None:
        """Write soon: at once while that is quick, less often when a run of many steps has made the record long."""
        if self._timer is not None:
            return
        wait = self._next_write - time.monotonic()
        if wait <= 0:
            self._write()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._write)

    def _write(self, *, strictly: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        began = time.thread_time()  # the wait for the disk is no reason to tell less often
        # A disk that fills up fails the step that fills it; the record is written again with the next change.
        with contextlib.nullcontext() if strictly else contextlib.suppress(OSError):
            text = json.dumps(self.result.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
            with atomic_file(self.result.run_dir / RECORD_NAME) as scratch:
                scratch.write_text(text + "\n", encoding="utf-8")
        self._next_write = time.monotonic() + _WRITE_SHARE * (time.thread_time() - began)


def _waiting(step: Step) -> Step:
    """Let a step that did not succeed wait again; its attempts and its log stay."""
    if step.status == "succeeded":
        return step
    return Step(step.name, step.display_name, step.component, attempts=step.attempts, log=step.log)


def versions() -> dict[str, str]:
    """Give the versions of Python, of this package and of what it asks for, as far as that is installed."""
    found = {"python": platform.python_version()}
    names = ["taxi-pipeline"]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        asked = importlib.metadata.requires("taxi-pipeline") or []
        extras = [each for each in asked if "extra ==" not in each or re.search(r"extra == ['\"]local['\"]", each)]
        names += sorted(re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in extras)
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
