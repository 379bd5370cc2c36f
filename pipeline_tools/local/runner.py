"""Run a compiled pipeline on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_tools.errors import InputError
from pipeline_tools.local import launcher as launch
from pipeline_tools.local.requirements import check_extras
from pipeline_tools.local.scheduler import Scheduler
from pipeline_tools.local.step_runner import StepRunner
from pipeline_tools.local.values import Outcome, Values
from pipeline_tools.runs.directory import RunDir, create_run_dir, why
from pipeline_tools.runs.record import Observer, Record, utc_now
from pipeline_tools.runs.remote import RemoteDir
from pipeline_tools.runs.result import (
    RECORD_NAME,
    NotUploadedError,
    RunInterruptedError,
    RunResult,
    RunStatus,
    Step,
)
from pipeline_tools.spec.components import find_registered
from pipeline_tools.spec.graph import Dag, Position, read_plan
from pipeline_tools.spec.parameters import check_arguments
from pipeline_tools.spec.platform import pipeline_time_limit

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent


def run(
    pipeline: BaseComponent | str | os.PathLike[str],
    arguments: Mapping[str, Any] | None = None,
    *,
    run_dir: str | os.PathLike[str] | None = None,
    parallelism: int | None = None,
    isolation: launch.Isolation | None = None,
    raise_on_error: bool = True,
    observer: Observer | None = None,
) -> RunResult:
    """Run a pipeline on this machine, with no cluster and no container.

    The pipeline is compiled to its package in the run directory, and what is executed is read back from there: the
    same bytes that are uploaded. Steps that do not depend on one another run at the same time, each in a process of
    its own; what they import is imported once.

    Args:
        pipeline: What ``@dsl.pipeline`` made, or the path of a package (``.tar.gz``) or specification (``.yaml``).
        arguments: Values of its parameters; the others keep their defaults.
        run_dir: Where everything shall lie: a directory that does not exist yet or is empty. Default
            ``runs/<pipeline>-<UTC time>-<id>`` in the working directory. Of ``gs://bucket/folder``, too, which holds
            the same when the run has ended; each artifact's ``uri`` is there, its ``path`` in the default directory.
        parallelism: How many steps run at a time; default one a CPU.
        isolation: ``"fork"``: steps are forked from a process that has imported what they need (default on Linux).
            ``"process"``: each step is a fresh Python process (default elsewhere).
        raise_on_error: Whether a failed step raises. With false, look at ``result.status``.
        observer: Called at every change with the run as it stands and the step that changed, or none when it is the
            run itself.

    Returns:
        What the run was given, did and brought; the same as `run.json` in the run directory.

    Raises:
        InputError: The pipeline, a parameter or the run directory cannot be used. Nothing has started.
        MissingExtraError: A library that the steps import is not installed. Nothing has started.
        RunFailedError: A step failed; ``error.result`` holds the run.
        NotUploadedError: The run ended, and its record could not be written to Cloud Storage.
        RunInterruptedError: Ctrl-C (a ``KeyboardInterrupt``) or a request to end; ``error.result`` holds the run as
            far as it came.
    """
    job = _prepare(pipeline, arguments or {}, run_dir, observer or _nobody, parallelism, isolation)
    result = job.run()
    return result.raise_for_status() if raise_on_error else result


def resume(
    run_dir: str | os.PathLike[str],
    *,
    parallelism: int | None = None,
    isolation: launch.Isolation | None = None,
    raise_on_error: bool = True,
    observer: Observer | None = None,
) -> RunResult:
    """Go on with a run that failed, was interrupted or was killed, in its own directory.

    Steps that succeeded are kept; the others run, with the package and the parameters of the run. A step that depends
    on one that runs again runs again, too.

    Args:
        run_dir: The run's directory on this machine.
        parallelism: As for `run`.
        isolation: As for `run`.
        raise_on_error: As for `run`.
        observer: As for `run`.

    Returns:
        As for `run`. A run that has succeeded is returned as it is.

    Raises:
        InputError: There is no such run, it is still running, or its package is not the one that it began with.
        MissingExtraError: As for `run`; so are the others.
    """
    before = RunResult.load(run_dir)
    if before.status == "succeeded":
        return before
    if before.status == "running":
        raise InputError(f"{run_dir}: the run is still running; stop it before you resume it")
    where = RunDir(before.run_dir, RemoteDir(before.remote) if before.remote else None)
    try:
        record = Record.resume(where, before, observer or _nobody)
    except OSError as error:
        raise InputError(f"{before.package}: the package of the run is needed to resume it: {error.strerror}") from None
    if record.result.package_sha256 != before.package_sha256:
        raise InputError(f"{before.package}: not the package that the run began with; start a new run")
    from pipeline_tools.compiler.package import read_documents  # brings the compiler

    documents = read_documents(before.package)
    plan = read_plan(documents, str(before.package))
    check_extras(plan.imports(before.parameters))
    shutil.rmtree(where.path / "partial", ignore_errors=True)
    record.begin()
    result = _job(documents, plan, where, record, parallelism, isolation).run()
    return result.raise_for_status() if raise_on_error else result


@dataclass(frozen=True)
class _Job:
    """A run that was checked and can start."""

    plan: Dag
    time_limit: float | None
    run_dir: RunDir
    record: Record
    parallelism: int
    isolation: launch.Isolation
    components: Mapping[str, str]

    def run(self) -> RunResult:
        """Run in a thread of its own, so that this works in a notebook too, and signals stay here."""
        started: Future[_Stop] = Future()
        ended: Future[None] = Future()
        received: list[int] = []

        def stop(number: int, _frame: Any) -> None:
            received.append(number)
            started.result().stop()

        with _signals(stop):
            threading.Thread(target=self._thread, args=(started, ended), name="taxi-pipeline-run").start()
            ended.result()
        if received:
            raise RunInterruptedError(self.record.result, received[0])
        return self.record.result

    def _thread(self, started: Future[_Stop], ended: Future[None]) -> None:
        try:
            asyncio.run(self._main(started))
        except BaseException as error:
            ended.set_exception(error)
        else:
            ended.set_result(None)

    async def _main(self, started: Future[_Stop]) -> None:
        walk = asyncio.ensure_future(self._walk())
        started.set_result(_Stop(asyncio.get_running_loop(), walk))
        try:
            outcome = await asyncio.wait_for(walk, self.time_limit)
        except asyncio.TimeoutError:
            self._end("failed", f"the pipeline took longer than its limit of {self.time_limit:g} s")
        except asyncio.CancelledError:
            self._end("interrupted", "the run was interrupted")
        except BaseException:
            self._end("failed", "the runner failed")
            raise
        else:
            self.record.end("failed" if outcome.bad else "succeeded", outcome.outputs.parameters)
        self._publish()

    async def _walk(self) -> Outcome:
        modules = self.plan.imports(self.record.result.parameters)
        launcher = launch.Launcher(self.isolation, modules, self.run_dir.imports_log, self.record.importing)
        try:
            run_values = self._run_values()
            runner = StepRunner(self.run_dir, self.record, launcher, self.parallelism, run_values, self.components)
            inputs = Values(self.record.result.parameters)
            return await Scheduler(runner, self.record, run_values).run(self.plan, inputs, Position())
        finally:
            launcher.close()
            shutil.rmtree(self.run_dir.path / "partial", ignore_errors=True)

    def _run_values(self) -> dict[str, str]:
        name, started = self.run_dir.path.name, self.record.result.started
        return {
            ".pipeline_job_name": name,
            ".pipeline_job_resource_name": name,
            ".pipeline_job_uuid": name,
            ".pipeline_job_create_time_utc": started,
            ".pipeline_job_schedule_time_utc": started,
            ".pipeline_root": self.run_dir.root,
            ".workspace_path": str(self.run_dir.workspace),
        }

    def _publish(self) -> None:
        if self.run_dir.remote is None:
            return
        result = self.record.result
        try:
            self.run_dir.remote.publish(self.run_dir.path, result.package, self.run_dir.path / RECORD_NAME)
        except InputError as error:
            raise NotUploadedError(result, str(error)) from error

    def _end(self, status: RunStatus, reason: str) -> None:
        for step in self.record.result.steps.values():
            if step.status == "pending":
                self.record.change(step.name, status="skipped", reason=reason)
            elif step.status in ("running", "interrupted"):
                if status == "failed":
                    self.record.change(step.name, status="failed", error=reason, error_type="TimeoutError")
                else:
                    self.record.change(step.name, status="interrupted")
        self.record.end(status, {})


@dataclass(frozen=True)
class _Stop:
    """Stops a run from another thread."""

    loop: asyncio.AbstractEventLoop
    walk: asyncio.Future[Outcome]

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has just ended by itself
            self.loop.call_soon_threadsafe(self.walk.cancel)


def _prepare(
    pipeline: BaseComponent | str | os.PathLike[str],
    arguments: Mapping[str, Any],
    run_dir: str | os.PathLike[str] | None,
    observer: Observer,
    parallelism: int | None,
    isolation: launch.Isolation | None,
) -> _Job:
    # Imports the compiler, which a process that only looks at results does not need.
    from pipeline_tools.compiler.package import as_package, read_documents, source_name

    if parallelism is not None and parallelism < 1:
        raise InputError(f"parallelism is {parallelism}; it must be 1 or more")
    with tempfile.TemporaryDirectory() as scratch:
        package = as_package(pipeline, Path(scratch))
        documents = read_documents(package)  # what runs is what is in the package
        spec = documents[0]
        name = spec["pipelineInfo"]["name"]
        parameters = check_arguments(spec, arguments)
        plan = read_plan(documents, source_name(pipeline))
        check_extras(plan.imports(parameters))
        where = create_run_dir(run_dir, name, utc_now())
        try:
            package = Path(shutil.copyfile(package, where.path / package.name))
            for directory in (where.artifacts, where.workspace, where.imports_log.parent):
                directory.mkdir()
            record = Record(where, name, parameters, package, observer)
            record.add(plan.steps(Position()))
            record.begin()
        except OSError as error:
            reason = why(error, where.path)
            raise InputError(f"{where.path}: cannot write to the run directory: {reason}") from error
    return _job(documents, plan, where, record, parallelism, isolation)


def _job(
    documents: Sequence[dict[str, Any]],
    plan: Dag,
    where: RunDir,
    record: Record,
    parallelism: int | None,
    isolation: launch.Isolation | None,
) -> _Job:
    components = {label: component for label, (component, _) in find_registered(documents[0]).items()}
    slots = parallelism or os.cpu_count() or 1
    return _Job(
        plan, pipeline_time_limit(documents), where, record, slots, isolation or launch.default_isolation(), components
    )


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a request to end, and a terminal that was closed."""


@contextlib.contextmanager
def _signals(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Hand Ctrl-C and requests to end to a function, unless they are ignored (as by a job in the background)."""
    if threading.current_thread() is not threading.main_thread():  # where they never arrive
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    caught = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in caught:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in caught.items():
            signal.signal(number, old)


def _nobody(_result: RunResult, _step: Step | None) -> None:
    """Watch nothing."""
