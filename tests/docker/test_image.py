"""The image itself, built by `make image` as root, and what it must do without a network.

No registry is asked for the two bases. Images made here stand in their place under their names: a Debian with its own
Python 3.11, and Beam's boot program, built from Beam's sources of the same version. It takes minutes and 10 GB of disk,
which are given back.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from pipeline_tools.doctor.packages import constrained_versions
from pipeline_tools.image import IMAGE
from tests.docker.test_definition import ROOT, argument, pinned

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
BEAM = "github.com/apache/beam/sdks/v2/python/container"
BUILD_SECONDS = 1500
OF_THE_BASE = {"pip", "setuptools", "wheel"}
OURS = "taxi-pipeline"

Run = Callable[..., str]


def call(command: list[str], *, timeout: float = 600, environment: dict[str, str] | None = None) -> str:
    """Run a command and whatever it starts; give its output."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0, f"{command[:4]}: {errors[-4000:]}\n{output[-2000:]}"
    return output


@pytest.fixture(scope="module")
def tools() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can build the image here")
    for tool in ("buildah", "debootstrap", "unshare", "ip"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install buildah debootstrap util-linux iproute2")


@pytest.fixture(scope="module")
def place(tools, tmp_path_factory) -> Iterator[Path]:
    """A folder that is gone afterwards, whatever was mounted in it."""
    folder = tmp_path_factory.mktemp("image")
    yield folder
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if line.split()[1].startswith(str(folder)):
            subprocess.run(["umount", line.split()[1]])
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def environment(place) -> dict[str, str]:
    """buildah with its own store, without a container engine."""
    (place / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{place}/graph"\nrunroot = "{place}/run"\n'
    )
    return {**os.environ, "CONTAINERS_STORAGE_CONF": str(place / "storage.conf"), "BUILDAH_ISOLATION": "chroot"}


def make_base(folder: Path) -> None:
    """Make what `python:3.11-slim-bookworm` is to the build: a small Debian 12 with Python 3.11 and pip."""
    packages = "python3,python3-venv,python3-pip,ca-certificates"
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(folder)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"Debian's packages are not to be had here: {(done.stdout + done.stderr)[-300:]}")
    for name in ("python", "python3"):
        (folder / "usr/local/bin" / name).symlink_to("/usr/bin/python3.11")
    # As this machine reaches its package index, so does the build.
    for source in ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"):
        if Path(source).is_file():
            shutil.copy(source, f"{folder}{source}")


def make_boot(folder: Path, version: str) -> None:
    """Build Beam's boot program, as Beam's image has it."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("Go is not installed (https://go.dev/dl)")
    variables = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(folder)}
    done = subprocess.run(
        [go, "install", f"{BEAM}@v{version}"], env=variables, cwd=folder, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"Beam's sources are not to be had here: {done.stderr[-300:]}")
    beam = folder / "root/opt/apache/beam"
    beam.mkdir(parents=True)
    (folder / "container").rename(beam / "boot")
    for name in ("LICENSE", "NOTICE"):
        (beam / name).touch()


@pytest.fixture(scope="module")
def built(place, environment) -> str:
    """Build the image; give what the build printed."""
    (place / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    make_base(place / "base")
    (place / "beam").mkdir()
    make_boot(place / "beam", pinned("apache-beam", "3.11"))
    for name, context in (("PYTHON_IMAGE", "base"), ("BEAM_IMAGE", "beam/root")):
        call(
            ["buildah", "build", "-t", argument(name), "-f", str(place / "Containerfile"), str(place / context)],
            environment=environment,
        )
    shutil.rmtree(place / "base")
    return call(
        ["make", "--no-print-directory", "image", "ENGINE=buildah", "OPTIONS=--layers=false --pull-never"],
        environment=environment,
        timeout=BUILD_SECONDS,
    )


@pytest.fixture(scope="module")
def container(built, environment) -> str:
    return call(["buildah", "from", "--pull-never", f"localhost/{IMAGE}"], environment=environment).strip()


@pytest.fixture(scope="module")
def run(container, environment) -> Run:
    """Run a command in the image as its user, with no network but loopback."""

    def start(*command: str, options: tuple[str, ...] = (), timeout: float = 600) -> str:
        line = ["buildah", "run", "--hostname", "localhost", "-v", f"{HERE / 'inside'}:/checks:ro", *options]
        isolated = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        return call([*isolated, *line, container, "--", *command], environment=environment, timeout=timeout)

    return start


def test_the_build_tells_its_layers_and_what_it_dropped(built):
    assert "dropped headers and tests" in built
    total = float(built.strip().splitlines()[-1].split()[0])
    assert built.strip().endswith("all")
    assert 1500 < total < 2700  # MB


@pytest.fixture(scope="module")
def contents(run) -> dict:
    return json.loads(run("python3", "/checks/contents.py"))


def test_versions_are_those_of_the_constraints(contents, run):
    pins = constrained_versions(ROOT / "constraints.txt")
    found = {
        name.lower().replace("_", "-").replace(".", "-"): version for name, version in contents["packages"].items()
    }
    assert len(found) > 150
    assert {name: version for name, version in found.items() if pins.get(name, version) != version} == {}
    assert set(found) - set(pins) - OF_THE_BASE == {OURS}
    assert found[OURS] == IMAGE.partition(":")[2]
    assert "No broken requirements found" in run("python3", "-m", "pip", "check")


def test_everything_has_bytecode_that_is_not_compared_with_its_source(contents):
    assert contents["modules"] > 10_000
    assert contents["without bytecode"] == []
    assert contents["standard library without bytecode"] == []
    assert contents["bytecode of ours"] == [0b01]


def test_the_user_is_nobody_special_and_can_write_where_it_must(contents, run):
    assert contents["user"] == [10001, 0]
    assert contents["compilers"] == contents["ours can be changed"] == []
    places = ["/home/worker", "/tmp", "/opt/apache/beam-venv", "/gcs", "/minio", "/s3"]
    assert contents["writable"] == places
    # A user id of a cluster's own choice, in group 0.
    other = json.loads(run("python3", "/checks/contents.py", options=("--user", "1000720000:0")))
    assert (other["user"], other["writable"]) == ([1000720000, 0], places)


def test_its_configuration(container, environment):
    config = json.loads(call(["buildah", "inspect", container], environment=environment))["OCIv1"]["config"]
    assert config["User"] == "10001:0"
    assert config["Entrypoint"] == ["/usr/local/bin/entrypoint.sh"]
    assert config["Labels"]["org.opencontainers.image.version"] == IMAGE.partition(":")[2]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_a_step_runs_as_the_package_says(run):
    """The command of the package's own example_gen, as Kubeflow Pipelines fills it in."""
    package = next(yaml.safe_load_all((ROOT / "tests/golden/workflow1.yaml").read_text(encoding="utf-8")))
    container = package["deploymentSpec"]["executors"]["exec-example-gen"]["container"]
    assert container["image"] == IMAGE
    outputs = package["components"]["comp-example-gen"]["outputDefinitions"]["artifacts"]
    artifacts = {
        name: {
            "artifacts": [{"name": name, "type": each["artifactType"], "uri": f"/gcs/bucket/{name}", "metadata": {}}]
        }
        for name, each in outputs.items()
    }
    defaults = {
        name: each.get("defaultValue") for name, each in package["root"]["inputDefinitions"]["parameters"].items()
    }
    values = {
        name: source["runtimeValue"]["constant"]
        if "runtimeValue" in source
        else defaults[source["componentInputParameter"]]
        for name, source in package["root"]["dag"]["tasks"]["example-gen"]["inputs"]["parameters"].items()
    }
    given = {
        "inputs": {"parameterValues": {**values, "max_rows": 500}},
        "outputs": {"artifacts": artifacts, "outputFile": "/gcs/executor_output.json"},
    }
    arguments = [word.replace("{{$}}", json.dumps(given)) for word in container["args"]]
    run(*container["command"], *arguments)

    written = json.loads(run("cat", "/gcs/executor_output.json"))
    assert written["artifacts"]["examples"]["artifacts"][0]["metadata"]
    assert "train" in run("ls", "/gcs/bucket/examples").split()


def test_a_whole_workflow_runs(run):
    """Transform, train, analyse, compare: nothing that was dropped is missed."""
    run("taxi-pipeline", "run", "workflow1", "--param", "train_steps=20", "--run-dir", "/tmp/run", timeout=900)
    record = json.loads(run("cat", "/tmp/run/run.json"))
    assert record["status"] == "succeeded"


def test_beams_boot_program_starts_a_worker(run):
    run("mkdir", "/tmp/boot")
    told = run("python3", "/checks/boot.py", "/tmp/boot", timeout=300)
    prefix, user = json.loads(told.strip().splitlines()[-1])
    assert prefix.startswith("/opt/apache/beam-venv/")
    assert user == 10001
