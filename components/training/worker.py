"""The process of one worker: ``python -m components.training.worker ORDER``, with ``TF_CONFIG`` in its environment.

A pod of an indexed job has none; it knows its number (``JOB_COMPLETION_INDEX``), and is told the ``--hosts``.
The order is a JSON file, or an object ``gs://…``: what to train, where checkpoints go, and where the model goes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from components.training.request import Request
from components.training.tf_config import VARIABLE, make_tf_config, read_tf_config
from pipeline_tools import paths
from pipeline_tools.errors import InputError

BAD_INPUT = 65
"""Exit code where an `InputError` ends the training (``EX_DATAERR`` of sysexits.h): starting again would not help."""

RESULT = "result.json"
"""What a worker leaves in the order's ``result``: ``metrics`` of the first, or ``error``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out an order.

    Args:
        argv: Default the command line.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m components.training.worker", description=__doc__)
    parser.add_argument("order", help="JSON file, or gs:// URI of one")
    parser.add_argument("--hosts", default="", help="host:port of each worker, with commas between them")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input ends")
    options = parser.parse_args(argv)
    if options.end_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    order = json.loads(paths.read_text(options.order))
    if options.hosts and not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = make_tf_config(options.hosts.split(","), int(os.environ["JOB_COMPLETION_INDEX"]))
    worker, workers = read_tf_config(os.environ)
    try:
        _leave(order, worker, metrics=_train(order, worker, workers))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
        _leave(order, worker, error=str(error))
        return BAD_INPUT
    return 0


def _train(order: dict[str, Any], worker: int, workers: int) -> dict[str, float]:
    from components.training.checkpoints import CheckpointOptions
    from components.training.trainer import join_workers, make_plan, train_in_process

    checkpoints = CheckpointOptions(order["checkpoint_dir"], order["checkpoint_steps"])
    with ExitStack() as stack:
        request = Request(**order["request"])
        copies: dict[str, Any] = {
            name: str(stack.enter_context(paths.local_copy(getattr(request, name))))
            for name in ("examples", "transformed_examples", "transform_graph")
        }
        strategy = join_workers(workers)
        plan = make_plan(dataclasses.replace(request, **copies))
        return train_in_process(
            plan, order["model"], worker=worker, workers=workers, strategy=strategy, checkpoints=checkpoints
        )


def _leave(order: dict[str, Any], worker: int, **result: Any) -> None:
    paths.write_text(paths.join(order["result"], str(worker), RESULT), json.dumps(result))


def _end_with_stdin() -> None:
    """End this process when the one that started it does, however that comes about: then its pipe is closed."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    try:
        code = main()
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # native threads that still talk to other workers may crash an orderly exit
