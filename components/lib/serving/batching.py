"""Batch concurrent requests.

No request waits for others to arrive: if the model is idle, its own thread runs it at once. Requests that arrive
meanwhile form a batch, which the thread of the first of them runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from components.lib.serving.errors import Code, ServingError

if TYPE_CHECKING:
    from components.lib.serving.servable import Array, Servable

MAX_ROWS = 1024
"""Rows of a batch that are put together; one larger request goes alone."""


class _Waiting:
    def __init__(self, inputs: Mapping[str, Array], rows: int) -> None:
        self.inputs = inputs
        self.rows = rows
        self.outputs: dict[str, Array] | None = None
        self.error: ServingError | None = None
        self.leads = False

    @property
    def settled(self) -> bool:
        return self.leads or self.outputs is not None or self.error is not None


class Batcher:
    """Puts requests of one signature of one servable together.

    Args:
        servable: The servable.
        signature_name: By which signature; its inputs and outputs must count rows in their first dimension.
        observe: Told the rows of every batch.
    """

    def __init__(self, servable: Servable, signature_name: str, observe: Callable[[int], Any]) -> None:
        self._servable = servable
        self._signature = signature_name
        self._observe = observe
        self._condition = threading.Condition()
        self._queue: list[_Waiting] = []
        self._busy = False

    def run(self, inputs: Mapping[str, Array], timeout: float) -> dict[str, Array]:
        """Run one request, in a batch with others if there are any.

        Args:
            inputs: Checked inputs.
            timeout: Seconds to wait for a turn.

        Returns:
            Outputs for exactly these rows.

        Raises:
            ServingError: The model cannot compute them, or the time is over.
        """
        mine = _Waiting(inputs, next(iter(inputs.values())).shape[0])
        with self._condition:
            if self._busy:
                self._queue.append(mine)
                self._wait(mine, time.monotonic() + timeout)
            else:
                self._busy = mine.leads = True
            batch = self._take(mine) if mine.leads else []
        if mine.leads:
            try:
                self._answer(batch)
            finally:
                self._hand_over()
        if mine.error is not None:
            raise mine.error
        assert mine.outputs is not None
        return mine.outputs

    def _wait(self, mine: _Waiting, deadline: float) -> None:
        while not mine.settled:
            left = deadline - time.monotonic()
            if left <= 0 and mine in self._queue:
                self._queue.remove(mine)
                raise ServingError(Code.DEADLINE_EXCEEDED, "Deadline exceeded while waiting for a turn")
            self._condition.wait(max(left, 0.01))

    def _take(self, mine: _Waiting) -> list[_Waiting]:
        batch, rows = [mine], mine.rows
        while self._queue and rows + self._queue[0].rows <= MAX_ROWS:
            batch.append(self._queue.pop(0))
            rows += batch[-1].rows
        return batch

    def _hand_over(self) -> None:
        with self._condition:
            if self._queue:
                self._queue.pop(0).leads = True
            else:
                self._busy = False
            self._condition.notify_all()

    def _answer(self, batch: list[_Waiting]) -> None:
        self._observe(sum(each.rows for each in batch))
        try:
            if len(batch) == 1:
                batch[0].outputs = self._servable.run(self._signature, batch[0].inputs)
                return
            joined = {name: np.concatenate([each.inputs[name] for each in batch]) for name in batch[0].inputs}
            outputs = self._servable.run(self._signature, joined)
            at = 0
            for each in batch:
                each.outputs = {name: value[at : at + each.rows] for name, value in outputs.items()}
                at += each.rows
        except ServingError as error:
            if len(batch) == 1:
                batch[0].error = error
            else:
                self._answer_one_by_one(batch)
        except Exception as error:  # waiting threads must be notified of any error
            for each in batch:
                each.error = ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")

    def _answer_one_by_one(self, batch: list[_Waiting]) -> None:
        """Run the requests one by one, so that only the bad ones fail."""
        for each in batch:
            try:
                each.outputs = self._servable.run(self._signature, each.inputs)
            except ServingError as error:  # noqa: PERF203 - that is the point
                each.error = error
