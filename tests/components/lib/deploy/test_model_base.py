from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.lib.deploy.model_base import LocalModelBase, open_model_base
from pipeline_tools.errors import InputError
from tests.campaigns import seeds


def write_model(directory: Path, content: bytes = b"graph") -> Path:
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(content)
    (directory / "variables" / "variables.index").write_bytes(b"index")
    return directory


@pytest.fixture
def model(tmp_path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def base(tmp_path) -> LocalModelBase:
    return LocalModelBase(str(tmp_path / "models"), "taxi")


def test_versions_count_from_one(base, model):
    assert [base.publish(model), base.publish(model)] == [1, 2]
    assert base.versions() == [1, 2]
    assert (Path(base.path(2)) / "variables" / "variables.index").read_bytes() == b"index"
    assert (model / "saved_model.pb").is_file()


def test_the_next_version_is_after_the_largest_number_a_files_included(base, model, tmp_path):
    base.publish(model)
    (tmp_path / "models" / "taxi" / "7").write_text("not a directory")

    assert base.publish(model) == 8
    assert base.versions() == [1, 8]


def test_a_directory_without_a_saved_model_is_no_version(base, model, tmp_path):
    (tmp_path / "models" / "taxi" / "3").mkdir()

    assert base.versions() == []
    assert base.publish(model) == 4


def test_what_is_no_saved_model_is_not_published(base, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match=r"no saved_model.pb in it"):
        base.publish(tmp_path / "empty")
    assert base.versions() == []


def test_pruning_keeps_the_newest(base, model):
    for _ in range(4):
        base.publish(model)

    assert base.prune(2) == [1, 2]
    assert base.versions() == [3, 4]
    assert base.publish(model) == 5


def test_withdrawing_goes_back_to_the_version_before(base, model):
    base.publish(model)
    base.withdraw(base.publish(model))

    assert base.versions() == [1]
    base.withdraw(99)


def test_a_published_version_can_be_read_by_everybody(base, model):
    model.chmod(0o700)
    version = Path(base.path(base.publish(model)))

    assert version.stat().st_mode & 0o777 == 0o755
    assert (version / "saved_model.pb").stat().st_mode & 0o777 == 0o644


def test_a_base_path_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "models").write_text("")

    with pytest.raises(InputError, match="model_base_path="):
        open_model_base(str(tmp_path / "models"), "taxi")


def test_other_stores_are_refused():
    with pytest.raises(InputError, match="must be a directory, gs://bucket/path or s3://"):
        open_model_base("hdfs://bucket/models", "taxi")


PUBLISH = """
import sys
from pathlib import Path
from components.lib.deploy.model_base import LocalModelBase
for _ in range(5):
    print(LocalModelBase(sys.argv[1], "taxi").publish(Path(sys.argv[2])))
"""


def test_publishers_at_the_same_time_each_get_a_version_of_their_own(tmp_path, model):
    command = [sys.executable, "-c", PUBLISH, str(tmp_path / "models"), str(model)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    versions = [int(line) for process in processes for line in process.communicate(timeout=60)[0].split()]

    assert all(process.returncode == 0 for process in processes)
    assert sorted(versions) == list(range(1, 16))


SLOW = """
import shutil, sys, time
from pathlib import Path
from components.lib.deploy import model_base
copy = shutil.copytree
def slow(*args, **kwargs):
    copy(*args, **kwargs)
    print("copied", flush=True)
    time.sleep(60)
shutil.copytree = slow
model_base.LocalModelBase(sys.argv[1], "taxi").publish(Path(sys.argv[2]))
"""


def test_killed_while_it_publishes_it_leaves_no_version_and_the_next_one_works(base, model, tmp_path):
    base.publish(model)
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path / "models"), str(model)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "copied\n"
        os.kill(process.pid, signal.SIGKILL)
    directory = tmp_path / "models" / "taxi"
    assert any(path.name.startswith(".publish-") for path in directory.iterdir())
    assert base.versions() == [1]
    assert [path.name for path in directory.iterdir() if path.name.isdecimal()] == ["1"]

    began = time.monotonic()
    assert base.publish(model) == 2
    assert time.monotonic() - began < 60
    assert not any(path.name.startswith(".publish-") for path in directory.iterdir())


def test_a_failing_copy_publishes_nothing(base, tmp_path, model, monkeypatch):
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("components.lib.deploy.model_base.shutil.copytree", full)
    with pytest.raises(InputError, match="nothing published: disk full"):
        base.publish(model)
    assert base.versions() == []


PUBLISHING = """
import sys
from pathlib import Path
from components.lib.deploy.model_base import LocalModelBase
base = LocalModelBase(sys.argv[1], "taxi")
print("ready", flush=True)
while True:
    base.publish(Path(sys.argv[2]))
"""


@pytest.mark.parametrize("seed", seeds(3, 300))
def test_killed_at_any_moment_it_leaves_whole_versions_alone(base, model, tmp_path, seed):
    def content(directory: Path) -> dict[str, bytes]:
        return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}

    command = [sys.executable, "-c", PUBLISHING, str(tmp_path / "models"), str(model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.Random(seed).uniform(0, 0.1))
        process.kill()
    published = base.versions()
    assert published == list(range(1, len(published) + 1))
    assert all(content(Path(base.path(version))) == content(model) for version in published)
    assert base.publish(model) == len(published) + 1
