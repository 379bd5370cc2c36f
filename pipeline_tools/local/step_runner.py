"""Run one step: what it gets, its attempts, what it returns."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline_tools import storage
from pipeline_tools.errors import InputError, MissingExtraError
from pipeline_tools.image import IMAGE_VARIABLE
from pipeline_tools.local.executor_io import make_executor_input, read_outputs
from pipeline_tools.local.launcher import Ended, ForkServerLostError, Launcher
from pipeline_tools.local.placeholders import expand, fill_all
from pipeline_tools.local.step_process import DISK_FULL, ERROR_NAME, FULL
from pipeline_tools.local.values import Outcome, Values
from pipeline_tools.package_hash import PACKAGE_HASH_VARIABLE
from pipeline_tools.runs.directory import RunDir, is_full, why
from pipeline_tools.runs.record import Record, utc_now
from pipeline_tools.runs.result import Artifact
from pipeline_tools.spec.executors import Function, Importer
from pipeline_tools.spec.graph import Task
from pipeline_tools.spec.types import cast

_METADATA_ALONE = ("system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics")
"""Types of artifacts whose content is their metadata; most have no file."""


class StepError(Exception):
    """A step failed; the message is for a person.

    Attributes:
        type: Class name of the error in the step.
    """

    def __init__(self, message: str, type_name: str) -> None:
        super().__init__(message)
        self.type = type_name


class StepRunner:
    """Runs steps, no more than so many at a time.

    Args:
        run_dir: The run's directory.
        record: Where to note what happens.
        launcher: Starts processes.
        parallelism: How many steps run at a time.
        run_values: Values of the placeholders that are the same for all steps.
        components: By executor label, the registered component that it belongs to.
    """

    def __init__(
        self,
        run_dir: RunDir,
        record: Record,
        launcher: Launcher,
        parallelism: int,
        run_values: Mapping[str, str],
        components: Mapping[str, str],
    ) -> None:
        self._run_dir = run_dir
        self._record = record
        self._launcher = launcher
        self._slots = asyncio.Semaphore(parallelism)
        self._run_values = run_values
        self._components = components
        self._fetching = asyncio.Lock()

    async def run(self, name: str, task: Task, inputs: Values, *, kept: bool) -> Outcome:
        """Run a step, with as many attempts as its retry policy allows.

        Args:
            name: Its name in the run.
            task: What it is.
            inputs: What it is given.
            kept: Whether all that it depends on is kept from an earlier session of the run. Then a step that succeeded
                in it, and whose artifacts are still there, is not run again.

        Returns:
            What it returned, or why it failed.
        """
        if kept and (outputs := self._succeeded_before(name)) is not None:
            return Outcome("succeeded", outputs, kept=True)
        given = {
            "parameters": dict(inputs.parameters),
            "artifacts": {key: [each.uri for each in made] for key, made in inputs.artifacts.items()},
        }
        component = self._components.get(task.component.get("executorLabel", ""), "")
        watch = _Stopwatch()
        policy = task.spec.get("retryPolicy", {})
        before = self._record.result.steps[name].attempts  # in earlier sessions of the run
        shutil.rmtree(self._run_dir.outputs(name), ignore_errors=True)  # what an earlier session left, whole or not
        last = before + int(policy.get("maxRetryCount", 0)) + 1
        for attempt in range(before + 1, last + 1):
            log = self._log(name, task, attempt)

            def started(attempt: int = attempt, log: Path | None = log) -> None:
                noted = {} if watch.running else {"started": utc_now().isoformat(timespec="milliseconds")}
                watch.start()
                self._record.change(
                    name, status="running", component=component, attempts=attempt, inputs=given, log=log, **noted
                )

            async with self._slots:
                try:
                    outputs = await self._attempt(name, task, inputs, started)
                except StepError as error:
                    failure = error
                except asyncio.CancelledError:
                    if watch.running:
                        self._record.change(name, status="interrupted", seconds=watch.seconds)
                    raise
                else:
                    self._record.change(
                        name,
                        status="succeeded",
                        seconds=watch.seconds,
                        parameters=outputs.parameters,
                        artifacts={key: made[0] for key, made in outputs.artifacts.items()},
                        error=None,
                        error_type=None,
                    )
                    return Outcome("succeeded", outputs)
                finally:
                    shutil.rmtree(self._run_dir.partial(name), ignore_errors=True)
            self._record.change(name, error=str(failure), error_type=failure.type, seconds=watch.seconds)
            if attempt < last:
                await asyncio.sleep(_backoff(policy, attempt - before))
        self._record.change(name, status="failed", inputs=given)
        return Outcome("failed", errors=(f"{name}: {failure}",))

    def _succeeded_before(self, name: str) -> Values | None:
        step = self._record.result.steps[name]
        if step.status != "succeeded":
            return None
        for artifact in step.artifacts.values():
            path = Path(artifact.mirror or artifact.uri)
            # Metrics are in the record; what is elsewhere is looked for by whoever reads it.
            needed = artifact.type not in _METADATA_ALONE and path.is_relative_to(self._run_dir.path)
            if needed and not path.exists():
                return None
        return Values(step.parameters, {output: (artifact,) for output, artifact in step.artifacts.items()})

    def _log(self, name: str, task: Task, attempt: int) -> Path | None:
        if isinstance(task.executor, Importer):
            return None
        log = self._run_dir.log(name)
        if attempt > 1:
            with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
                file.write(f"\n--- attempt {attempt} ---\n")
        return log

    async def _attempt(self, name: str, task: Task, inputs: Values, started: Callable[[], None]) -> Values:
        try:
            if isinstance(task.executor, Importer):
                started()
                return self._import(name, task.executor, task, inputs)
            try:
                return await self._run_or_discard(name, task, inputs, started)
            except ForkServerLostError:  # not the step's fault: once more, in a process of its own
                shutil.rmtree(self._run_dir.partial(name), ignore_errors=True)
                return await self._run_or_discard(name, task, inputs, started)
        except (InputError, MissingExtraError) as error:
            raise StepError(str(error), type(error).__name__) from error
        except OSError as error:
            message = self._located(f"{FULL}: {error.strerror}") if is_full(error) else why(error, self._run_dir.path)
            raise StepError(message, type(error).__name__) from error

    async def _run_or_discard(self, name: str, task: Task, inputs: Values, started: Callable[[], None]) -> Values:
        """Run the process of a step; where it fails, nothing of it stays in the bucket."""
        try:
            return await self._process(name, task, inputs, started)
        except BaseException:  # being interrupted, too
            if self._run_dir.remote:
                try:
                    await _in_thread(self._run_dir.remote.discard, name)
                except InputError as left:
                    with contextlib.suppress(OSError), self._run_dir.log(name).open("a", encoding="utf-8") as log:
                        log.write(f"\nWhat the step left in the bucket could not be deleted: {left}\n")
            raise

    async def _process(self, name: str, task: Task, inputs: Values, started: Callable[[], None]) -> Values:
        # What processes of a dead attempt still write never reaches the outputs of this one.
        scratch = self._run_dir.partial(name) / secrets.token_hex(4)
        outputs = scratch / "outputs"
        outputs.mkdir(parents=True)
        (scratch / "parameters").mkdir()
        log = self._run_dir.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        inputs = await self._with_local_copies(inputs)
        remote = self._run_dir.remote.outputs(name) if self._run_dir.remote else ""
        executor_input = make_executor_input(task, inputs, outputs, remote)
        run_values = self._run_values_of(name, task)
        function = task.executor if isinstance(task.executor, Function) else None
        command = function.args if function else task.executor.command  # type: ignore[union-attr]
        step: dict[str, Any] = {
            "source": function.source if function else None,
            "argv": [part for each in command for part in expand(each, executor_input, run_values)],
        }
        # Modules read the environment when they are imported: a step with its own imports them itself.
        own = task.environment.keys() - {IMAGE_VARIABLE}  # which nothing reads before a step's work begins
        modules = function.imports if function and not own else None
        limit = _TimeLimit(task.time_limit)

        def on_start(pid: int) -> None:
            limit.start(pid)
            started()

        # Not below the run directory: sockets are made in it, and their paths must be short.
        with tempfile.TemporaryDirectory(prefix="taxi-", ignore_cleanup_errors=True) as temporary:
            package = {PACKAGE_HASH_VARIABLE: self._record.result.package_sha256}
            step["environment"] = {**package, **task.environment, "TMPDIR": temporary}
            step_path = scratch / "step.json"
            step_path.write_text(json.dumps(step), encoding="utf-8")
            try:
                ended = await self._launcher.launch(step_path, log, modules, on_start)
            finally:
                limit.stop()
        spent = (self._record.result.steps[name].cpu_seconds or 0.0) + ended.cpu_seconds
        self._record.change(name, cpu_seconds=round(spent, 3), peak_memory_bytes=ended.peak_memory_bytes)
        if limit.passed:
            raise StepError(f"it took longer than its limit of {task.time_limit:g} s", "TimeoutError")
        if ended.code != 0:
            raise self._failure(ended, scratch)
        if self._run_dir.remote:
            output_file = Path(executor_input["outputs"]["outputFile"])
            await _in_thread(self._run_dir.remote.synchronize, name, outputs, output_file.name)
        returned = read_outputs(task, executor_input, outputs, self._run_dir.outputs(name), remote)
        await self._upload_others(name, returned)
        return returned

    async def _with_local_copies(self, inputs: Values) -> Values:
        """Copy inputs to this machine that are in a bucket only: imported ones, and those that a step put there."""

        async def with_copy(artifact: Artifact) -> Artifact:
            if artifact.mirror or not storage.is_remote(artifact.uri):
                return artifact
            path = self._run_dir.imported(artifact.uri)
            async with self._fetching:  # two steps may be given the same
                if not path.exists():
                    await _in_thread(storage.download, artifact.uri, path)
            return replace(artifact, mirror=str(path))

        artifacts: dict[str, tuple[Artifact, ...]] = {}
        for key, several in inputs.artifacts.items():
            copies = [await with_copy(each) for each in several]
            artifacts[key] = tuple(copies)
        return Values(inputs.parameters, artifacts)

    async def _upload_others(self, name: str, returned: Values) -> None:
        """Upload what a step made outside the directory of its outputs (``artifact.set_path``)."""
        for made in returned.artifacts.values():
            for each in made:
                outside = each.mirror and not each.path.is_relative_to(self._run_dir.outputs(name))
                if outside and each.path.exists():
                    await _in_thread(storage.upload, each.path, each.uri)

    def _run_values_of(self, name: str, task: Task) -> dict[str, str]:
        return {**self._run_values, ".pipeline_task_name": task.name, ".pipeline_task_uuid": name}

    def _failure(self, ended: Ended, scratch: Path) -> StepError:
        try:
            report = json.loads((scratch / ERROR_NAME).read_text(encoding="utf-8"))
            return StepError(self._located(report["message"]), report["type"])
        except (OSError, ValueError):
            pass
        if ended.code == DISK_FULL:
            return StepError(self._located(FULL), "OSError")
        if ended.code < 0:
            names = {each.value: each.name for each in signal.Signals}
            name = names.get(-ended.code, f"signal {-ended.code}")
            hint = "; the system ends processes so when memory runs out" if name == "SIGKILL" else ""
            return StepError(f"its process was ended by {name}{hint}", name)
        return StepError(f"its process ended with exit code {ended.code}", "exit")

    def _located(self, message: str) -> str:
        """Say of a full disk how much room the run directory's has: it need not be the one that is full."""
        if not message.startswith(FULL):
            return message
        free = shutil.disk_usage(self._run_dir.path).free
        return f"{message} ({free / 1e6:.1f} MB free at {self._run_dir.path}); make room, or choose another disk"

    def _import(self, name: str, executor: Importer, task: Task, inputs: Values) -> Values:
        uri = executor.uri if executor.uri is not None else inputs.parameters.get("uri")
        if not uri:
            raise InputError("there is no URI to import")
        if "://" not in uri:
            if not Path(uri).exists():
                raise InputError(f"{uri}: no such file or directory to import")
            uri = str(Path(uri).absolute())
        executor_input = make_executor_input(task, inputs, self._run_dir.path)
        filled = fill_all(executor.metadata, executor_input, self._run_values_of(name, task))
        artifact = Artifact(executor.type["schemaTitle"], uri, cast(filled, ""), "artifact")
        return Values({}, {"artifact": (artifact,)})


async def _in_thread(work: Callable[..., None], *arguments: Any) -> None:
    """Wait for a thread, also when the run is interrupted: what comes after must not find it half done."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


class _TimeLimit:
    """Ends a process, with those that it started, when it takes too long."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.passed = False

    def start(self, pid: int) -> None:
        if self._seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end, pid)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, pid: int) -> None:
        self.passed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


class _Stopwatch:
    """Seconds since the first attempt started."""

    def __init__(self) -> None:
        self._began: float | None = None

    @property
    def running(self) -> bool:
        return self._began is not None

    @property
    def seconds(self) -> float | None:
        return None if self._began is None else round(time.monotonic() - self._began, 3)

    def start(self) -> None:
        if self._began is None:
            self._began = time.monotonic()


def _backoff(policy: Mapping[str, Any], attempt: int) -> float:
    """Seconds to wait after an attempt; KFP's defaults are no wait, doubled each time, an hour at most."""

    def seconds(key: str, default: float) -> float:
        return float(str(policy[key]).removesuffix("s")) if key in policy else default

    factor = float(policy.get("backoffFactor") or 2.0)
    return float(min(seconds("backoffDuration", 0.0) * factor ** (attempt - 1), seconds("backoffMaxDuration", 3600.0)))
