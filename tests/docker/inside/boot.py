"""Inside the image: Beam's runner hands a pipeline to a worker that the entrypoint's boot program started.

The flags are Beam's own: `--worker_pool` as a sidecar of Flink or Spark gets it; the pool then calls boot with
`--id`, `--provision_endpoint` and the rest, as Dataflow does. A package is staged, as with `--extra_package`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import apache_beam as beam
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.environments import ExternalEnvironment

PORT = 50000  # boot's own
WHEEL = "staged-1.0-py3-none-any.whl"


def where(number: int) -> tuple[int, str, int]:
    """Compute something with TensorFlow and the staged package; tell by which Python and which user."""
    import staged
    import tensorflow as tf
    import tensorflow_transform as tft

    assert tft.__version__
    return int(tf.constant(number) * staged.FACTOR), sys.prefix, os.getuid()


def make_wheel(folder: Path) -> None:
    """Write a package, and the list that names it."""
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("staged.py", "FACTOR = 2\n")
        wheel.writestr("staged-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: staged\nVersion: 1.0\n")
        wheel.writestr("staged-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("staged-1.0.dist-info/RECORD", "")
    (folder / "extra_packages.txt").write_text(WHEEL + "\n")


def artifact(path: Path) -> beam_runner_api_pb2.ArtifactInformation:
    """Describe a file that workers are to fetch."""
    return beam_runner_api_pb2.ArtifactInformation(
        type_urn=common_urns.artifact_types.FILE.urn,
        type_payload=beam_runner_api_pb2.ArtifactFilePayload(path=str(path)).SerializeToString(),
        role_urn=common_urns.artifact_roles.STAGING_TO.urn,
        role_payload=beam_runner_api_pb2.ArtifactStagingToRolePayload(staged_name=path.name).SerializeToString(),
    )


def main(folder: Path) -> None:
    """Run the pipeline; print what the workers told, as JSON."""
    make_wheel(folder)
    pool = subprocess.Popen(["/usr/local/bin/entrypoint.sh", "--worker_pool"], start_new_session=True)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                    break
            time.sleep(0.2)
        artifacts = [artifact(folder / name) for name in (WHEEL, "extra_packages.txt")]
        environment = ExternalEnvironment(f"localhost:{PORT}", artifacts=artifacts)
        with beam.Pipeline(runner=FnApiRunner(default_environment=environment)) as pipeline:
            told = pipeline | beam.Create([1, 2, 3]) | beam.Map(where)
            assert_that(told | beam.Map(lambda each: each[0]), equal_to([2, 4, 6]))
            lines = told | "Tell" >> beam.Map(lambda each: json.dumps(each[1:]))
            lines | beam.io.WriteToText(str(folder / "told"))
    finally:
        os.killpg(pool.pid, signal.SIGTERM)
        pool.wait(30)
    print(sorted({line for path in folder.glob("told*") for line in path.read_text().splitlines()})[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
