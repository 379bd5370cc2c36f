"""A run directory in Cloud Storage: the real client and real steps, against an emulator."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from pipeline_tools.errors import InputError
from pipeline_tools.local import NotUploadedError, RunResult, run
from pipeline_tools.runs import remote

PLACE = "gs://bucket/runs/one"


def stored(gcs, place: str = PLACE) -> dict[str, str]:
    """Content of the objects below a place that are no logs."""
    blobs = gcs.bucket("bucket").list_blobs(prefix=place.removeprefix("gs://bucket/") + "/")
    found = {f"gs://bucket/{blob.name}".removeprefix(place + "/"): blob for blob in blobs}
    return {
        name: blob.download_as_bytes().decode("utf-8", "replace")
        for name, blob in found.items()
        if not name.startswith("logs/") and not name.endswith((".tar.gz", "run.json"))
    }


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def make(data: Output[Dataset], page: Output[HTML], nothing: Output[Artifact]) -> str:
    """Write one file on this machine, and one where the workers of a Beam job would."""
    from pathlib import Path

    from google.cloud import storage

    Path(data.path, "sub").mkdir(parents=True)
    Path(data.path, "sub", "mine").write_text("mine")
    Path(page.path).write_text("<p>hello</p>")
    bucket, _, name = data.uri.removeprefix("gs://").partition("/")
    storage.Client(project=None).bucket(bucket).blob(f"{name}/theirs").upload_from_string("theirs")
    data.metadata["files"] = 2
    assert not nothing.metadata
    return f"{data.uri} {page.uri}"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def look(data: Input[Dataset], copy: Output[Model]) -> str:
    from pathlib import Path

    files = {
        str(path.relative_to(data.path)): path.read_text()
        for path in sorted(Path(data.path).rglob("*"))
        if path.is_file()
    }
    Path(copy.path).write_text(str(files))
    return f"{data.uri} {data.metadata} {files}"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def name_places(
    beside: Output[Artifact], outside: Output[Artifact], elsewhere: Output[Artifact], place: str
) -> Artifact:
    """Say in every way that KFP knows that an artifact lies somewhere else than where it was asked."""
    from pathlib import Path

    from kfp import dsl

    Path(beside.path + "-2").write_text("beside")
    beside.path = beside.path + "-2"
    Path(place).write_text("outside")
    outside.set_path(place)
    elsewhere.uri = "gs://bucket/else/where"
    returned = dsl.Artifact(uri=dsl.get_uri("returned"))
    Path(returned.path).write_text("returned")
    return returned


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def read_all(
    beside: Input[Artifact], outside: Input[Artifact], elsewhere: Input[Artifact], returned: Input[Artifact]
) -> str:
    from pathlib import Path

    return " ".join(Path(each.path).read_text() for each in (beside, outside, elsewhere, returned))


@dsl.container_component
def shell(data: Input[Dataset], made: Output[Dataset], told: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image="busybox",
        command=["sh", "-c", 'cat "$0/sub/mine" > "$1"; printf "%s %s" "$2" "$3" > "$4"'],
        args=[data.path, made.path, data.uri, made.uri, told],
    )


@dsl.pipeline(name="remote")
def everything(place: str):
    made = make()
    look(data=made.outputs["data"])
    shell(data=made.outputs["data"])
    named = name_places(place=place)
    read_all(
        beside=named.outputs["beside"],
        outside=named.outputs["outside"],
        elsewhere=named.outputs["elsewhere"],
        returned=named.outputs["Output"],
    )


@pytest.mark.parametrize("isolation", ["fork", "process"])
def test_outputs_lie_in_the_bucket_and_here(gcs, tmp_path, monkeypatch, isolation):
    monkeypatch.chdir(tmp_path)
    gcs.bucket("bucket").blob("else/where").upload_from_string("elsewhere")
    result = run(everything, {"place": str(tmp_path / "outside")}, run_dir=f"{PLACE}/", isolation=isolation)

    artifacts = f"{PLACE}/artifacts"
    assert result.remote == PLACE
    assert result.run_dir.parent == tmp_path / "runs"
    outputs = {
        name: step.parameters.get("Output") or step.parameters.get("told") for name, step in result.steps.items()
    }
    assert outputs["make"] == f"{artifacts}/make/data {artifacts}/make/page.html"
    assert outputs["look"] == f"{artifacts}/make/data {{'files': 2}} {{'sub/mine': 'mine', 'theirs': 'theirs'}}"
    assert outputs["shell"] == f"{artifacts}/make/data {artifacts}/shell/made"
    assert outputs["read-all"] == "beside outside elsewhere returned"
    assert stored(gcs) == {
        "artifacts/look/copy": "{'sub/mine': 'mine', 'theirs': 'theirs'}",
        "artifacts/make/data/sub/mine": "mine",
        "artifacts/make/data/theirs": "theirs",
        "artifacts/make/page.html": "<p>hello</p>",
        "artifacts/name-places/beside-2": "beside",
        "artifacts/name-places/outside": "outside",
        "artifacts/name-places/returned": "returned",
        "artifacts/shell/made": "mine",
    }

    data = result.artifact("make", "data")
    assert (data.uri, data.path) == (f"{artifacts}/make/data", result.run_dir / "artifacts/make/data")
    assert (data.path / "theirs").read_text() == "theirs"
    assert result.artifact("name-places", "beside").uri == f"{artifacts}/name-places/beside-2"
    assert result.artifact("name-places", "outside").uri == f"{artifacts}/name-places/outside"
    assert result.artifact("name-places", "elsewhere").uri == "gs://bucket/else/where"
    assert result.artifact("name-places", "Output").uri == f"{artifacts}/name-places/returned"
    assert result.steps["look"].inputs["artifacts"] == {"data": [f"{artifacts}/make/data"]}
    assert RunResult.load(result.run_dir) == result
    here = result.with_local_paths()
    assert here.artifact("make", "data").uri == str(data.path)
    assert here.steps["look"].inputs["artifacts"] == {"data": [str(data.path)]}
    assert here.artifact("name-places", "elsewhere").uri == "gs://bucket/else/where"


def objects(gcs, prefix: str) -> list[str]:
    return [blob.name.removeprefix(prefix) for blob in gcs.bucket("bucket").list_blobs(prefix=prefix)]


@dsl.pipeline(name="short")
def short() -> str:
    return make().outputs["Output"]


def test_the_record_comes_last_and_reads_back_from_a_copy(gcs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []
    put = remote.storage.put

    def watched(copies, what):
        seen.append(sorted(copies))
        put(copies, what)

    monkeypatch.setattr(remote.storage, "put", watched)
    result = run(short, run_dir=PLACE)

    assert seen[-1] == [f"{PLACE}/run.json"]
    assert set(objects(gcs, "runs/one/")) >= {"short.tar.gz", "logs/make.log", "logs/_imports.log", "run.json"}
    remote.storage.download(PLACE, tmp_path / "copy")
    copied = RunResult.load(tmp_path / "copy")
    assert (copied.status, copied.outputs) == ("succeeded", result.outputs)
    assert copied.artifact("make", "data").uri == result.artifact("make", "data").uri
    assert (copied.artifact("make", "data").path / "theirs").read_text() == "theirs"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def fail(data: Output[Dataset], marker: str):
    """Write in both places, and fail; the second time only the first file is left out."""
    import sys
    from pathlib import Path

    from google.cloud import storage

    Path(data.path).mkdir()
    bucket, _, name = data.uri.removeprefix("gs://").partition("/")
    theirs = storage.Client(project=None).bucket(bucket)
    assert not list(theirs.list_blobs(prefix=name))
    theirs.blob(f"{name}/theirs-{Path(marker).exists()}").upload_from_string("theirs")
    if not Path(marker).exists():
        Path(marker).touch()
        sys.exit("no")


@dsl.pipeline(name="failing")
def failing(marker: str):
    fail(marker=marker)


@dsl.pipeline(name="trying-again")
def trying_again(marker: str):
    fail(marker=marker).set_retry(1)


def test_what_fails_leaves_nothing_and_is_recorded(gcs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(failing, {"marker": str(tmp_path / "a")}, run_dir=PLACE, raise_on_error=False)
    assert result.status == "failed"
    assert stored(gcs) == {}
    record = json.loads(gcs.bucket("bucket").blob("runs/one/run.json").download_as_bytes())
    assert (record["status"], record["steps"]["fail"]["error"], record["remote"]) == ("failed", "no", PLACE)

    run(trying_again, {"marker": str(tmp_path / "b")}, run_dir="gs://bucket/runs/two")
    assert list(stored(gcs, "gs://bucket/runs/two")) == ["artifacts/fail/data/theirs-True"]


def test_a_step_whose_outputs_cannot_be_uploaded_fails(gcs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put = remote.storage.put

    def broken(copies, what):
        if what.endswith("/make"):
            put(dict(list(copies.items())[:1]), what)
            raise InputError(f"{what}: access denied")
        put(copies, what)

    monkeypatch.setattr(remote.storage, "put", broken)
    result = run(short, run_dir=PLACE, raise_on_error=False)
    assert result.steps["make"].error == f"{PLACE}/artifacts/make: access denied"
    assert stored(gcs) == {}
    assert not list((result.run_dir / "artifacts").iterdir())


def test_a_record_that_cannot_be_uploaded_is_told(gcs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def broken(*_: object) -> None:
        raise InputError("cannot be reached")

    monkeypatch.setattr(remote.RemoteDir, "publish", broken)
    with pytest.raises(NotUploadedError, match=r"cannot be reached\nThe run is whole in .*/runs/short-") as caught:
        run(short, run_dir=PLACE)
    assert RunResult.load(caught.value.result.run_dir).status == "succeeded"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("gs://bucket/full", "not empty, some/thing is in it. Nothing was touched"),
        ("gs://bucket", "must be a folder in the bucket: gs://bucket/folder"),
        ("gs://nowhere/x", "gs://nowhere/x: no such bucket or object"),
        ("gs://No_Bucket!/x", "must be gs://bucket/path or s3://bucket/path"),
        (Path("gs://bucket/x"), "a Path cannot hold a URI; give the run directory as a string"),
    ],
)
def test_what_cannot_be_the_run_directory(gcs, tmp_path, monkeypatch, place, message):
    monkeypatch.chdir(tmp_path)
    gcs.bucket("bucket").blob("full/some/thing").upload_from_string("1")
    with pytest.raises(InputError, match=message):
        run(short, run_dir=place)
    assert not list(tmp_path.iterdir())
    assert objects(gcs, "") == ["full/some/thing"]


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def both(data: Input[Dataset], again: Input[Dataset]) -> str:
    from pathlib import Path

    return f"{data.uri} {sorted(path.name for path in Path(data.path).iterdir())} {Path(again.path).name}"


@dsl.pipeline(name="importing")
def importing(uri: str) -> str:
    data = dsl.importer(artifact_uri=uri, artifact_class=Dataset).output
    again = dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=True).output
    return both(data=data, again=again).output


def test_what_is_imported_is_fetched_when_a_step_needs_it(gcs, tmp_path):
    for name in ("a", "b"):
        gcs.bucket("bucket").blob(f"given/{name}").upload_from_string(name)
    result = run(importing, {"uri": "gs://bucket/given"}, run_dir=tmp_path / "run")
    assert result.outputs == {"Output": "gs://bucket/given ['a', 'b'] given"}
    assert result.artifact("importer", "artifact").uri == "gs://bucket/given"

    result = run(importing, {"uri": "gs://bucket/gone"}, run_dir=tmp_path / "gone", raise_on_error=False)
    assert result.steps["both"].error == "gs://bucket/gone: there is no such object, and nothing below that name"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def linger(data: Output[Dataset]):
    import time

    from google.cloud import storage

    bucket, _, name = data.uri.removeprefix("gs://").partition("/")
    storage.Client(project=None).bucket(bucket).blob(f"{name}/half").upload_from_string("half")
    time.sleep(60)


@dsl.pipeline(name="lingering")
def lingering():
    linger()


def test_ctrl_c_leaves_the_record_and_nothing_else(gcs, tmp_path):
    command = [sys.executable, "-m", "taxi_pipeline", "run", f"{__name__}:lingering", "--run-dir", PLACE]
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as running:
        end = threading.Timer(60, running.kill)
        end.start()
        while "artifacts/linger/data/half" not in objects(gcs, "runs/one/") and running.poll() is None:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        printed, _ = running.communicate()
        end.cancel()
    assert running.returncode == 130
    assert f"and in {PLACE}" in printed
    assert stored(gcs) == {}
    record = json.loads(gcs.bucket("bucket").blob("runs/one/run.json").download_as_bytes())
    assert record["status"] == "interrupted"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def write_pair(data: Output[Dataset]):
    from pathlib import Path

    Path(data.path).mkdir(parents=True)
    (Path(data.path) / "one").write_text("1")
    data.metadata["files"] = 1


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def read_pair(data: Input[Dataset]) -> str:
    from pathlib import Path

    return f"{data.uri} {(Path(data.path) / 'one').read_text()}"


@dsl.pipeline(name="remote-s3")
def pair() -> str:
    return read_pair(data=write_pair().outputs["data"]).output


def test_a_run_directory_in_s3(s3, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(pair, run_dir="s3://bucket/runs/one")
    assert result.steps["read-pair"].parameters["Output"] == "s3://bucket/runs/one/artifacts/write-pair/data 1"
    names = [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]]
    assert {"runs/one/run.json", "runs/one/artifacts/write-pair/data/one"} <= set(names)
    with pytest.raises(InputError, match="the run directory is not empty"):
        run(pair, run_dir="s3://bucket/runs/one")
