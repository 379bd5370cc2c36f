"""Walk a pipeline's graph: each task as soon as what it needs is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from pipeline_tools.errors import InputError
from pipeline_tools.local.step_runner import StepRunner
from pipeline_tools.local.values import Outcome, State, Values, collected, dag_outputs, task_inputs
from pipeline_tools.runs.record import Record
from pipeline_tools.runs.result import Artifact
from pipeline_tools.spec.graph import Dag, Position, Task


class Scheduler:
    """Runs DAGs.

    Args:
        runner: Runs the steps.
        record: Where to note the steps that are skipped.
        run_values: Values of the placeholders that are the same for all tasks.
    """

    def __init__(self, runner: StepRunner, record: Record, run_values: Mapping[str, str]) -> None:
        self._runner = runner
        self._record = record
        self._run_values = run_values

    async def run(self, dag: Dag, inputs: Values, position: Position, *, kept: bool = True) -> Outcome:
        """Run a DAG to its end: what does not depend on a failed step goes on.

        Args:
            dag: The tasks.
            inputs: What the DAG is given.
            position: Where in the pipeline it is.
            kept: Whether all that it depends on is kept from an earlier session of the run; only then may steps that
                succeeded in it be kept too.

        Returns:
            Its outputs, or the errors in it.
        """
        running: dict[str, asyncio.Task[Outcome]] = {}
        for task in dag.tasks:  # in topological order: what a task waits for is there already
            before = {name: running[name] for name in task.after}
            running[task.name] = asyncio.create_task(self._task(task, inputs, position, before, kept=kept))
        await asyncio.gather(*running.values())
        outcomes = {name: each.result() for name, each in running.items()}
        errors = tuple(error for each in outcomes.values() for error in each.errors)
        if any(each.bad for each in outcomes.values()):
            return Outcome("failed", errors=errors)
        return Outcome("succeeded", dag_outputs(dag.spec, outcomes), kept=all(each.kept for each in outcomes.values()))

    async def _task(
        self, task: Task, scope: Values, position: Position, before: Mapping[str, asyncio.Task[Outcome]], *, kept: bool
    ) -> Outcome:
        outcomes = {name: await each for name, each in before.items()}
        kept = kept and all(each.kept for each in outcomes.values())
        bad = [name for name, each in outcomes.items() if each.bad]
        if bad and not task.runs_anyway:
            return self._skip(task, position, "skipped", f"{' and '.join(bad)} did not succeed")
        run_values = {
            **self._run_values,
            ".pipeline_task_name": task.name,
            ".pipeline_task_uuid": position.name(task.name),
        }
        try:
            inputs = task_inputs(task.spec, task.component, scope, outcomes, run_values)
            if task.condition and not task.condition.value(inputs.parameters):
                reason = f"its condition is false: {task.condition}"
                return self._skip(task, position, "condition false", reason, kept=kept)
            if task.iterator:
                return await self._loop(task, task.iterator, inputs, position, kept=kept)
        except InputError as error:
            return self._fail(task, position, error)
        return await self._one(task, inputs, position, kept=kept)

    async def _one(self, task: Task, inputs: Values, position: Position, *, kept: bool) -> Outcome:
        if task.dag is None:
            self._record.add([(position.name(task.name), task.display_name)])
            return await self._runner.run(position.name(task.name), task, inputs, kept=kept)
        inside = position.inside(task.name)
        self._record.add(task.dag.steps(inside))
        return await self.run(task.dag, inputs, inside, kept=kept)

    async def _loop(
        self, task: Task, iterator: Mapping[str, Any], inputs: Values, position: Position, *, kept: bool
    ) -> Outcome:
        items = _items(iterator, inputs)
        limit = int(task.spec.get("iteratorPolicy", {}).get("parallelismLimit", 0)) or max(len(items), 1)
        slots = asyncio.Semaphore(limit)

        async def iteration(index: int, item: Any) -> Outcome:
            async with slots:
                return await self._one(task, _with_item(iterator, inputs, item), position.iteration(index), kept=kept)

        outcomes = await asyncio.gather(*(iteration(index, item) for index, item in enumerate(items)))
        errors = tuple(error for each in outcomes for error in each.errors)
        if any(each.bad for each in outcomes):
            return Outcome("failed", errors=errors)
        dag = task.dag.spec if task.dag else {}
        outputs = collected(dag, [each.outputs for each in outcomes])
        return Outcome("succeeded", outputs, kept=kept and all(each.kept for each in outcomes))

    def _skip(self, task: Task, position: Position, state: State, reason: str, *, kept: bool = False) -> Outcome:
        for name in _step_names(task, position):
            self._record.change(name, status="skipped", reason=reason)
        return Outcome(state, kept=kept)

    def _fail(self, task: Task, position: Position, error: InputError) -> Outcome:
        """A task whose inputs make no sense: its first step bears the error, the others are skipped."""
        names = _step_names(task, position) or [position.name(task.name)]
        self._record.change(names[0], status="failed", error=str(error), error_type="InputError")
        for name in names[1:]:
            self._record.change(name, status="skipped", reason=f"{task.name}: {error}")
        return Outcome("failed", errors=(f"{names[0]}: {error}",))


def _step_names(task: Task, position: Position) -> list[str]:
    if task.dag is None:
        return [position.name(task.name)]
    return [name for name, _ in task.dag.steps(position.inside(task.name))]


def _items(iterator: Mapping[str, Any], inputs: Values) -> list[Any]:
    items = iterator["items"]
    if "inputArtifact" in items:
        return list(inputs.artifacts.get(items["inputArtifact"], ()))
    found = items["raw"] if "raw" in items else inputs.parameters.get(items["inputParameter"])
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError as error:
            raise InputError(f"loops over text that is not a list in JSON: {error}") from error
    if not isinstance(found, list):
        raise InputError(f"loops over {found!r}, which is not a list")
    return found


def _with_item(iterator: Mapping[str, Any], inputs: Values, item: Any) -> Values:
    if isinstance(item, Artifact):
        return Values(inputs.parameters, {**inputs.artifacts, iterator["itemInput"]: (item,)})
    return Values({**inputs.parameters, iterator["itemInput"]: item}, inputs.artifacts)
