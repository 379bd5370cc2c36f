"""``TF_CONFIG``: who the workers of a training are, and which of them a process is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pipeline_tools.errors import InputError

VARIABLE = "TF_CONFIG"


def make_tf_config(hosts: Sequence[str], worker: int) -> str:
    """Write it.

    Args:
        hosts: ``host:port`` of each worker.
        worker: Which one the process is.

    Returns:
        JSON text.
    """
    return json.dumps({"cluster": {"worker": list(hosts)}, "task": {"type": "worker", "index": worker}})


def read_tf_config(environment: Mapping[str, str]) -> tuple[int, int]:
    """Read it.

    Args:
        environment: With ``TF_CONFIG``; without it the process is the only worker.

    Returns:
        Which worker the process is, and how many there are.

    Raises:
        InputError: It is no such thing, or names tasks other than workers.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return 0, 1
    try:
        found = json.loads(text)
        task, hosts = found["task"], found["cluster"]["worker"]
        index, tasks = int(task["index"]), sorted(found["cluster"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{VARIABLE}={text}: needs cluster.worker and task.index ({error!r})") from None
    if tasks != ["worker"] or task.get("type") != "worker" or not 0 <= index < len(hosts):
        raise InputError(f"{VARIABLE}={text}: must name workers alone, and one of them as the task")
    return index, len(hosts)
