"""Objects in Cloud Storage are read like files; an emulator holds them."""

from __future__ import annotations

import pytest

pytest.importorskip("google.cloud.storage", reason="needs taxi-pipeline[local]")

from pipeline_tools.errors import InputError
from tests.google.fixtures import Bucket, Google

from ..conftest import plant, write_csv

pytestmark = pytest.mark.e2e


@pytest.fixture
def bucket(google_folder, monkeypatch) -> Bucket:
    """A bucket ``garden``, which is found as one of Cloud Storage would be."""
    google = Google(google_folder, "garden")
    for name, value in google.env.items():
        monkeypatch.setenv(name, value)
    return google.bucket


def test_objects_give_the_examples_of_the_same_files(bucket, read, rows, plants, tmp_path):
    read(plants)
    expected = rows("train"), rows("eval")
    half = [list(map(plant, range(120))), list(map(plant, range(120, 300)))]
    for number, some in enumerate(half):
        bucket.upload(write_csv(tmp_path / f"{number}.csv.gz", some), f"trips/day-{number}.csv.gz")
    bucket.upload(plants, "trips/readme.txt")
    recorded = read("gs://garden/trips/day-*.csv.gz")
    assert (rows("train"), rows("eval")) == expected
    assert recorded["sources"] == "input_handle_train=gs://garden/trips/day-*.csv.gz"
    assert not list((tmp_path / "out").glob(".*"))


def test_an_error_names_the_object_and_the_line(bucket, read, tmp_path):
    bad = [plant(number, leaves="many" if number == 7 else "1") for number in range(60)]
    bucket.upload(write_csv(tmp_path / "plants.csv", bad), "bad/plants.csv")
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
    bucket.upload(tmp_path / "empty.csv", "empty.csv")
    with pytest.raises(InputError, match=r"gs://garden/empty\.csv is empty"):
        read("gs://garden/empty.csv")


def test_objects_of_another_service_are_read_likewise(s3, read, rows, plants, tmp_path):
    read(plants)
    expected = rows("train"), rows("eval")
    for number, some in enumerate([list(map(plant, range(120))), list(map(plant, range(120, 300)))]):
        s3.upload_file(str(write_csv(tmp_path / f"{number}.csv.gz", some)), "bucket", f"trips/day-{number}.csv.gz")
    recorded = read("s3://bucket/trips/day-*.csv.gz")
    assert (rows("train"), rows("eval")) == expected
    assert recorded["sources"] == "input_handle_train=s3://bucket/trips/day-*.csv.gz"
    with pytest.raises(InputError, match=r"s3://bucket/none/\*\.csv: no object matches"):
        read("s3://bucket/none/*.csv")
