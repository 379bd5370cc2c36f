"""Where the parts of a run are: never outside of its directory."""

from pathlib import Path

import pytest

from pipeline_tools.runs.directory import RunDir


@pytest.mark.parametrize("uri", ["gs://b/../../../etc/x", "gs://../x", "gs:///x", "gs://b//x", "gs://b/./x"])
def test_the_copy_of_an_artifact_is_inside_the_run_directory(tmp_path, uri):
    path = RunDir(tmp_path / "run").imported(uri)
    assert path.resolve().is_relative_to(tmp_path / "run" / "imported")
    assert ".." not in path.parts


def test_the_copies_of_artifacts_keep_their_names_and_stay_apart():
    run_dir = RunDir(Path("/run"))
    assert run_dir.imported("gs://bucket/folder/a b.csv") == Path("/run/imported/bucket/folder/a b.csv")
    assert len({run_dir.imported(f"gs://b/{name}") for name in ("x", "./x", "../x", "/x")}) == 4


def test_steps_whose_names_contain_one_another_work_apart():
    run_dir = RunDir(Path("/run"))
    assert run_dir.partial("train").parent == run_dir.partial("train/0").parent
    assert run_dir.partial("train/0") != run_dir.partial("train--0")
