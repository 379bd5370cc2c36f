from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from components.lib.serving.batching import MAX_ROWS, Batcher
from components.lib.serving.errors import Code, ServingError


class Doubler:
    """A servable that doubles numbers slowly, and refuses negative ones."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = 0

    def run(self, _signature, inputs):
        self.running += 1
        assert self.running == 1, "two batches at a time"
        self.gate.wait(120)
        time.sleep(0.002)
        self.batches.append(len(inputs["x"]))
        self.running -= 1
        if (inputs["x"] < 0).any():
            raise ServingError(Code.INVALID_ARGUMENT, f"negative: {inputs['x'].min()}")
        return {"y": inputs["x"] * 2}


@pytest.fixture
def doubler() -> Doubler:
    return Doubler()


@pytest.fixture
def batcher(doubler) -> Batcher:
    return Batcher(doubler, "serving_default", lambda _rows: None)  # type: ignore[arg-type]


def ask(batcher: Batcher, *values: float, timeout: float = 10) -> list[float]:
    return batcher.run({"x": np.array(values)}, timeout)["y"].tolist()


def test_one_request_goes_alone_and_at_once(batcher, doubler):
    assert ask(batcher, 1, 2) == [2, 4]
    assert doubler.batches == [2]


def test_requests_that_come_meanwhile_are_answered_together_each_with_its_own_rows(batcher, doubler):
    doubler.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(ask, batcher, 0.5)
        time.sleep(0.05)
        others = [pool.submit(ask, batcher, *range(number, number + 3)) for number in range(19)]
        time.sleep(0.1)
        doubler.gate.set()
        assert first.result() == [1]
        for number, answer in enumerate(others):
            assert answer.result() == [2 * number, 2 * number + 2, 2 * number + 4]
    assert doubler.batches == [1, 57]


def test_a_bad_request_fails_alone(batcher, doubler):
    doubler.gate.clear()
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(ask, batcher, 1)
        time.sleep(0.05)
        good = [pool.submit(ask, batcher, number) for number in range(3)]
        bad = pool.submit(ask, batcher, -7)
        time.sleep(0.1)
        doubler.gate.set()
        assert first.result() == [2]
        assert [each.result() for each in good] == [[0], [2], [4]]
        with pytest.raises(ServingError, match="negative: -7"):
            bad.result()


def test_waiting_ends_with_the_deadline_and_the_others_go_on(batcher, doubler):
    doubler.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ask, batcher, 1)
        time.sleep(0.05)
        late = pool.submit(ask, batcher, 2, timeout=0.05)
        with pytest.raises(ServingError) as caught:
            late.result()
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        doubler.gate.set()
        assert first.result() == [2]
    assert ask(batcher, 3) == [6]
    assert doubler.batches == [1, 1]


def test_large_requests_are_not_put_together(batcher, doubler):
    doubler.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask, batcher, *([1.0] * MAX_ROWS)) for _ in range(3)]
        time.sleep(0.1)
        doubler.gate.set()
        assert all(answer.result() == [2.0] * MAX_ROWS for answer in answers)
    assert doubler.batches == [MAX_ROWS] * 3


def test_an_unforeseen_error_is_told_to_everybody_and_the_next_request_works(batcher, doubler, monkeypatch):
    def broken(*_args):
        raise MemoryError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(doubler, "run", broken)
        with pytest.raises(ServingError, match="MemoryError: no more") as caught:
            ask(batcher, 1)
        assert caught.value.code is Code.INTERNAL
    assert ask(batcher, 1) == [2]


def test_many_clients_get_their_own_answers(batcher):
    def client(number: int) -> bool:
        return all(ask(batcher, number, turn) == [2 * number, 2 * turn] for turn in range(50))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(client, range(16)))
