"""Make Beam pipelines where the options say, and run them to their end."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.internal.cloudpickle import cloudpickle
from apache_beam.options.pipeline_options import PipelineOptions

from components.lib.beam.cached_options import CachedOptions
from components.lib.beam.options import BeamOptions
from pipeline_tools.errors import InputError, PipelineToolsError
from pipeline_tools.signals import terminable

_TALKATIVE = ("apache_beam.runners.portability.fn_api_runner", "apache_beam.runners.portability.local_job_service")
"""Where Beam tells of each channel that worker processes of this machine open."""

_CONSOLE = "https://console.cloud.google.com/dataflow/jobs/{region}/{job}?project={project}"


class BeamJobError(PipelineToolsError):
    """A job on an engine elsewhere failed; the message has the engine's own error and, of Dataflow, the job's URL."""


def local_pipeline() -> beam.Pipeline:
    """Make a pipeline that runs in this process.

    ``DirectRunner`` would first try to download another runner; this names the one that is built in. It does not check
    the types of TFT's and TFMA's own transforms, which takes longer than to run them on a few thousand rows.

    Returns:
        A pipeline to be used in a ``with`` block.
    """
    flags = ["--no_pipeline_type_check"]
    return beam.Pipeline(runner="FnApiRunner", options=CachedOptions(flags, runner="FnApiRunner"))


def make_pipeline(options: BeamOptions) -> beam.Pipeline:
    """Make a pipeline that runs where the options say.

    Args:
        options: Checked here once more.

    Returns:
        A pipeline for `run`.

    Raises:
        InputError: The options cannot be used.
    """
    options.check()
    if not options.cloud:
        return local_pipeline()
    spelt = PipelineOptions(flags(options))
    if options.is_dataflow:  # a job server knows flags that Beam does not; of Dataflow Beam knows all
        _refuse_unknown(spelt)
    return beam.Pipeline(options=spelt)


def _refuse_unknown(spelt: PipelineOptions) -> None:
    """Refuse what Beam would pass over: a flag with a typo is no flag."""
    known = spelt.get_all_options()
    if unknown := sorted(set(spelt.get_all_options(retain_unknown_options=True)) - set(known)):
        raise InputError(f"beam_options.flags: Beam knows no flag --{', --'.join(unknown)}")


def flags(options: BeamOptions) -> list[str]:
    """Spell the options as Beam's flags.

    Args:
        options: Of ``cloud`` mode.

    Returns:
        Flags, those of the user last.
    """
    spelt = {"runner": options.runner, "job_name": job_name(options.job_name), "temp_location": options.temp_location}
    if options.is_dataflow:
        subnetwork = "/" in options.network
        spelt |= {
            "project": options.project,
            "region": options.region,
            "staging_location": f"{options.temp_location.rstrip('/')}/staging",
            # One image for launcher and worker: what is installed there is what runs, and nothing is staged.
            "sdk_container_image": options.worker_image,
            "sdk_location": "container",
            "worker_machine_type": options.machine_type,
            "max_num_workers": str(options.max_workers or ""),
            "subnetwork" if subnetwork else "network": options.network,
            "service_account_email": options.service_account,
        }
    labels = [f"--labels={key}={value}" for key, value in sorted(options.labels.items())] if options.is_dataflow else []
    return [f"--{name}={value}" for name, value in spelt.items() if value] + labels + list(options.flags)


def pickle_by_value(function: Callable[..., Any]) -> None:
    """Let a function of a user's module travel to workers that do not have the module.

    A module that was loaded from a file by its path cannot be imported by name elsewhere, nor can those that it
    imported from its own folder: what is in them goes with the job. Modules of installed packages do not: workers run
    the image that has them.

    Args:
        function: Of the module.
    """
    module = sys.modules[function.__module__]
    folder = Path(getattr(module, "__file__", None) or "").parent
    for each in list(sys.modules.values()):
        file = getattr(each, "__file__", None)
        if file and folder in Path(file).parents and not _importable(each.__name__):
            cloudpickle.register_pickle_by_value(each)


def _importable(name: str) -> bool:
    return PathFinder.find_spec(name.partition(".")[0]) is not None


def job_name(name: str) -> str:
    """Make a name of a job that Dataflow takes: lower-case letters, digits and dashes, a letter first.

    Args:
        name: The run's and the step's; may be empty.

    Returns:
        The name, 100 characters at most, of which the last are kept; empty if there is none.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[-100:].strip("-")
    return plain if not plain or plain[0].isalpha() else f"job-{plain}"[:100]


def run(pipeline: beam.Pipeline, options: BeamOptions) -> None:
    """Run a pipeline to its end, and cancel its job if this process is asked to end before.

    Args:
        pipeline: From `make_pipeline`.
        options: The same.

    Raises:
        BeamJobError: The job failed on its engine. What fails in this process is raised as it is.
    """
    if not options.cloud:
        pipeline.run().wait_until_finish()
        return
    url, result, state = "", None, None
    try:
        with _progress(), terminable():
            result = pipeline.run()
            url = _url(result, options)
            print(f"{_what(options)}{f': {url}' if url else ''}", flush=True)  # noqa: T201
            state = result.wait_until_finish()
    except Exception as error:
        raise BeamJobError(_failure(str(error), url, options)) from error
    except BaseException:
        if result is not None:
            with contextlib.suppress(Exception):  # it may have ended meanwhile, and the engine be out of reach
                result.cancel()
        raise
    if state not in (None, "DONE"):
        raise BeamJobError(_failure(f"it ended as {state}", url, options))


def _failure(text: str, url: str, options: BeamOptions) -> str:
    return f"{_what(options)}{f' ({url})' if url else ''} failed: {text}"


def _what(options: BeamOptions) -> str:
    return f"{options.runner}: job {job_name(options.job_name)}".rstrip()


def _url(result: Any, options: BeamOptions) -> str:
    if not options.is_dataflow or not hasattr(result, "job_id"):
        return ""
    return _CONSOLE.format(region=options.region, job=result.job_id(), project=options.project)


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    """Let the engine's messages reach the step's log: states of the job, warnings, errors."""
    logger = logging.getLogger("apache_beam.runners")
    levels = {logger: logging.INFO, **{logging.getLogger(name): logging.WARNING for name in _TALKATIVE}}
    before, propagate, handler = {each: each.level for each in levels}, logger.propagate, logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.propagate = False  # some libraries give the root a handler, which would tell all of it once more
    for each, level in levels.items():
        each.setLevel(level)
    try:
        yield
    finally:
        for each, level in before.items():
            each.setLevel(level)
        logger.propagate = propagate
        logger.removeHandler(handler)
