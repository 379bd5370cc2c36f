"""A Dataflow worker: ``python -I worker.py JOB_FOLDER IMAGE`` runs the staged pipeline of one job.

It is as far from the launcher as a worker in the cloud is: it has what is installed and, from the folder IMAGE, this
project's packages, as the worker image has them; neither the launcher's modules, nor (to Python's own ``open``) the
files of tests. It lacks the modules that ``lacking.json`` names.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import traceback
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any


class Lacking:
    """Finds no module of those names, nor one inside them."""

    def __init__(self, names: list[str]) -> None:
        self._names = tuple(names)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if any(name == lacking or name.startswith(f"{lacking}.") for lacking in self._names):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def _end_with_the_service() -> None:
    os.read(0, 1)
    os._exit(1)


def _keep_from(far: tuple[Path, ...], near: Path) -> None:
    """Let files below folders not exist, except those below one of them."""
    beyond, here = tuple(f"{folder}/" for folder in far), f"{near}/"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100 (links, as those of the image, stay)
            if path.startswith(beyond) and not path.startswith(here):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    sys.addaudithook(hook)


def run(folder: Path) -> list[dict[str, Any]]:
    """Run a job's pipeline; its metrics are returned as Dataflow tells them."""
    from apache_beam.internal import pickler
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
    from apache_beam.options.value_provider import RuntimeValueProvider
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.runners.worker.sdk_worker_main import _import_beam_plugins

    request = json.loads((folder / "request.json").read_text())
    given = request["job"]["environment"]["sdkPipelineOptions"]["options"]
    options = PipelineOptions.from_dictionary(given)
    # As sdk_worker_main does it.
    RuntimeValueProvider.set_runtime_options(given)
    FileSystems.set_options(options)
    setup = options.view_as(SetupOptions)
    pickler.set_library(setup.pickle_library if setup.pickle_library != "default" else "cloudpickle")
    _import_beam_plugins(setup.beam_plugins or [])
    with FileSystems.open(given["pipelineUrl"]) as file:
        pipeline = beam_runner_api_pb2.Pipeline.FromString(file.read())
    for environment in pipeline.components.environments.values():
        environment.urn, environment.payload = python_urns.EMBEDDED_PYTHON, b""
        del environment.dependencies[:]
    result = FnApiRunner().run_via_runner_api(pipeline, options)
    return _told(result.metrics().query(), pipeline)


def _told(metrics: Any, pipeline: Any) -> list[dict[str, Any]]:
    ids = {transform.unique_name: key for key, transform in pipeline.components.transforms.items()}
    updates = []
    for found in (*metrics["counters"], *metrics["distributions"]):
        value = found.committed
        if hasattr(value, "count"):
            values = {"count": value.count, "sum": value.sum, "min": value.min, "max": value.max}
            update: dict[str, Any] = {"distribution": values}
        else:
            update = {"scalar": value}
        context = {"namespace": found.key.metric.namespace, "step": ids.get(found.key.step, found.key.step)}
        for more in ({}, {"tentative": "true"}):
            name = {"origin": "user", "name": found.key.metric.name, "context": {**context, **more}}
            updates.append({"name": name, **update})
    return updates


if __name__ == "__main__":
    job, image = map(Path, sys.argv[1:])
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    sys.path.insert(0, str(image))
    sys.meta_path.insert(0, Lacking(["tests", *json.loads((job / "lacking.json").read_text())]))
    services = image.parent
    _keep_from((services.parent, Path(__file__).parents[1]), services)
    try:
        (job / "metrics.json").write_text(json.dumps(run(job)))
    except BaseException:
        (job / "error.txt").write_text(traceback.format_exc())
        raise
