"""Paths that Beam's workers must reach."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from components.lib.beam.options import BeamOptions
from components.lib.beam.pipelines import job_name
from pipeline_tools.errors import InputError
from pipeline_tools.paths import join, remove
from pipeline_tools.storage import is_remote


def check_paths(uris: Mapping[str, str], options: BeamOptions) -> None:
    """Make sure that workers can reach artifacts.

    Args:
        uris: Of the artifacts, by the names that a person knows.
        options: Of the step; in ``local`` mode there are no workers.

    Raises:
        InputError: An artifact is in storage that Beam, TFT and TFMA cannot all use, or that Dataflow cannot reach.
    """
    if not options.cloud:
        return
    for name, uri in uris.items():
        if "://" in uri and not is_remote(uri):
            raise InputError(
                f"{options.mode_parameter}=cloud: {name} is at {uri}, and TFT and TFMA read gs:// and directories "
                "that all workers share; let the pipeline root be in a gs:// bucket"
            )
        if options.is_dataflow and not is_remote(uri):
            raise InputError(
                f"{options.mode_parameter}=cloud: {name} is at {uri}, which Dataflow's workers cannot reach; let the "
                "pipeline root be in a gs:// bucket (on this machine: --run-dir gs://bucket/folder)"
            )


@contextmanager
def scratch_path(options: BeamOptions) -> Iterator[str]:
    """Yield a scratch path that workers and this process share, and delete it at the end.

    When a job fails, workers may still write here for a while: what cannot be removed then is left, so that the job's
    own error is what is seen.

    Args:
        options: Of the step; without a ``temp_location`` it is a temporary directory of this machine.

    Yields:
        Directory or prefix.
    """
    if not options.temp_location:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            yield directory
        return
    path = join(options.temp_location, f"{job_name(options.job_name) or 'job'}-{uuid.uuid4().hex[:8]}")
    try:
        yield path
    except BaseException:
        with suppress(Exception):
            remove(path)
        raise
    remove(path)
