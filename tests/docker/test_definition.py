"""The image's definition agrees with what other files say; no engine is needed."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline_tools.doctor.packages import constrained_versions
from pipeline_tools.image import IMAGE

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def argument(name: str) -> str:
    (found,) = re.findall(rf"^ARG {name}=(.*)$", DOCKERFILE, re.MULTILINE)
    return found


def pinned(name: str, python: str) -> str:
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}=="):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
                return str(requirement.specifier).removeprefix("==")
    raise AssertionError(name)


def test_boot_is_of_the_beam_and_the_python_that_are_installed():
    python = re.search(r"/python:(3\.\d+)\.\d+-slim-", argument("PYTHON_IMAGE"))
    assert python, "the version of Python must be whole"
    assert argument("BEAM_IMAGE").endswith(f"/beam_python{python[1]}_sdk:{pinned('apache-beam', python[1])}")


def test_the_constraints_can_be_read_by_the_doctor():
    assert constrained_versions(ROOT / "constraints.txt")["kfp"] == pinned("kfp", "3.11")


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def build(tmp_path):
    """Run image/build.sh where only the programs in tmp_path/bin and the usual tools are."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for tool in ("sh", "sed", "dirname", "cat", "mktemp", "rm"):
        found = subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True, text=True).stdout.strip()
        (bin_folder / tool).symlink_to(found)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "image/build.sh"), *arguments],
            env={"PATH": str(bin_folder), "HOME": os.environ["HOME"], **environment},
            capture_output=True,
            text=True,
        )

    run.bin = bin_folder
    return run


def test_the_image_that_is_built_is_the_one_that_packages_name(build):
    program(build.bin, "podman", 'echo "podman $*"')
    done = build()
    assert done.returncode == 0, done.stderr
    version = IMAGE.partition(":")[2]
    assert f"podman build --layers --build-arg VERSION={version} --tag {IMAGE} ." in done.stdout
    assert f"podman history {IMAGE}" in done.stdout


def test_an_engine_that_does_not_answer_is_passed_over(build):
    program(build.bin, "docker", '[ "$1" != info ] || exit 1; echo "docker $*"')
    program(build.bin, "podman", 'echo "podman $*"')
    assert "podman build" in build().stdout

    done = build(ENGINE="docker")
    assert done.returncode == 2
    assert "ENGINE=docker: it is not installed, or its engine does not answer" in done.stderr


def test_an_image_of_ones_own_and_options_go_to_the_engine(build):
    program(build.bin, "docker", 'echo "docker $*"')
    done = build("--no-cache", IMAGE="registry.example/taxi:2")
    assert "--tag registry.example/taxi:2 --no-cache ." in done.stdout


def test_no_engine_at_all_is_told(build):
    done = build()
    assert done.returncode == 2
    assert "apt-get install buildah" in done.stderr


def test_the_entrypoint_hands_flags_to_boot_and_runs_commands(tmp_path):
    script = (ROOT / "image/entrypoint.sh").read_text(encoding="utf-8")
    program(tmp_path, "boot", 'echo "boot $*"')
    copy = tmp_path / "entrypoint.sh"
    copy.write_text(script.replace("/opt/apache/beam/boot", str(tmp_path / "boot")))

    def call(*arguments: str) -> str:
        return subprocess.run(["sh", str(copy), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    assert call("--id=1", "--provision_endpoint=localhost:1") == "boot --id=1 --provision_endpoint=localhost:1"
    assert call("--worker_pool") == "boot --worker_pool"
    assert call("echo", "--id=1") == "--id=1"
    assert call() == "boot"
