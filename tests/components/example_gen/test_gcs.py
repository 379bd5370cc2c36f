"""Objects in Cloud Storage are read like files; an emulator holds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.storage", reason="needs taxi-pipeline[local]")

from google.cloud import storage

from components.errors import InputError

from .conftest import plant, write_csv
from .emulators import STORAGE, free_port, make_environment, running

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def emulator(request, tmp_path_factory) -> Iterator[str]:
    folder = make_environment(request.config.cache.mkdir("emulators") / "storage", STORAGE)
    port = free_port()
    command = [str(folder / "bin/gcp-storage-emulator"), "start", f"--port={port}", "--in-memory"]
    log = tmp_path_factory.mktemp("storage") / "log"
    with running([*command, "--default-bucket=garden"], port, log):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def bucket(emulator, monkeypatch) -> Any:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test-project")
    return storage.Client().bucket("garden")


def upload(bucket: Any, name: str, path: Path) -> None:
    bucket.blob(name).upload_from_filename(str(path))


def test_objects_give_the_examples_of_the_same_files(bucket, read, rows, plants, tmp_path):
    read(plants)
    expected = rows("train"), rows("eval")
    half = [list(map(plant, range(120))), list(map(plant, range(120, 300)))]
    for number, some in enumerate(half):
        upload(bucket, f"trips/day-{number}.csv.gz", write_csv(tmp_path / f"{number}.csv.gz", some))
    upload(bucket, "trips/readme.txt", plants)
    recorded = read("gs://garden/trips/day-*.csv.gz")
    assert (rows("train"), rows("eval")) == expected
    assert recorded["sources"] == "input_handle_train=gs://garden/trips/day-*.csv.gz"
    assert not list((tmp_path / "out").glob(".*"))


def test_an_error_names_the_object_and_the_line(bucket, read, tmp_path):
    bad = [plant(number, leaves="many" if number == 7 else "1") for number in range(60)]
    upload(bucket, "bad/plants.csv", write_csv(tmp_path / "plants.csv", bad))
    with pytest.raises(InputError, match=r"\n  gs://garden/bad/plants\.csv, line 9: column 'leaves': 'many'"):
        read("gs://garden/bad/plants.csv")


@pytest.mark.parametrize(
    "handle", ["gs://garden/nothing/*.csv", "gs://garden/nothing.csv", "gs://no-such-bucket/x.csv"]
)
def test_what_is_not_there(handle, bucket, read):
    with pytest.raises(InputError, match=r"no object matches|no such bucket or object"):
        read(handle)


def test_an_empty_object(bucket, read, tmp_path):
    (tmp_path / "empty.csv").touch()
    upload(bucket, "empty.csv", tmp_path / "empty.csv")
    with pytest.raises(InputError, match=r"gs://garden/empty\.csv is empty"):
        read("gs://garden/empty.csv")
