"""The processes of workers, without TensorFlow: what they do is played by a script, that they are is real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.training import local_workers
from components.training.local_workers import WorkerError, train_by_workers
from components.training.request import Request, Workers
from pipeline_tools.errors import InputError

REQUEST = Request("examples", "transformed", "graph", "my.model", "label")

WORKER = """
import json, os, pathlib, signal, sys, time
order = json.loads(pathlib.Path(sys.argv[1]).read_text())
config = json.loads(os.environ["TF_CONFIG"])
index, hosts = config["task"]["index"], config["cluster"]["worker"]
log = pathlib.Path({log!r})
with log.open("a") as file:
    file.write(json.dumps({{"pid": os.getpid(), "index": index, "hosts": hosts, "order": order}}) + "\\n")
attempt = sum(1 for line in log.read_text().splitlines() if json.loads(line)["index"] == index)
def leave(**result):
    place = pathlib.Path(order["result"]) / str(index)
    place.mkdir(exist_ok=True)
    (place / "result.json").write_text(json.dumps(result))
{body}
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Let workers do what a text says; give what they noted about themselves."""

    def prepare(body: str):
        script, log = tmp_path / "worker.py", tmp_path / "log.jsonl"
        script.write_text(WORKER.format(log=str(log), body=body))
        monkeypatch.setattr(local_workers, "COMMAND", (sys.executable, str(script)))
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    return prepare


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z"


def test_workers_know_each_other_and_the_first_one_measures(play, tmp_path, capfd):
    noted = play("print('at work', flush=True); leave(metrics={'loss': 0.5} if index == 0 else {}); time.sleep(index)")
    metrics = train_by_workers(REQUEST, str(tmp_path / "model"), Workers(workers=3))

    assert metrics == {"loss": 0.5}
    found = noted()
    assert sorted(each["index"] for each in found) == [0, 1, 2]
    (hosts,) = {tuple(each["hosts"]) for each in found}
    assert len(set(hosts)) == 3
    assert all(host.startswith("127.0.0.1:") for host in hosts)
    assert found[0]["order"]["request"]["model_module"] == "my.model"
    assert {"[worker 0] at work", "[worker 1] at work", "[worker 2] at work"} <= set(
        capfd.readouterr().out.splitlines()
    )
    assert all(gone(each["pid"]) for each in found)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_lost_worker_makes_all_start_again_from_the_same_checkpoints(play, tmp_path, capfd):
    noted = play(
        "while attempt == 1 and len(log.read_text().splitlines()) < 2: time.sleep(0.01)\n"  # until both are there
        "if index == 1 and attempt == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "if attempt == 1: time.sleep(60)\n"
        "leave(metrics={'loss': 0.25})"
    )
    assert train_by_workers(REQUEST, str(tmp_path / "model"), Workers(workers=2)) == {"loss": 0.25}

    assert len({each["order"]["checkpoint_dir"] for each in noted()}) == 1
    assert len(noted()) == 4
    assert "worker 1 was ended by SIGKILL; all workers start again (restart 1 of 3)" in capfd.readouterr().out


def test_restarts_are_bounded(play, tmp_path):
    noted = play("if index == 0: os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(60)")
    with pytest.raises(WorkerError, match=r"worker 0 was ended by SIGKILL, and .* max_restarts=1 times"):
        train_by_workers(REQUEST, str(tmp_path / "model"), Workers(workers=2, max_restarts=1))
    assert sum(each["index"] == 0 for each in noted()) == 2
    assert all(gone(each["pid"]) for each in noted())


def test_an_error_in_the_input_is_told_as_it_is_and_not_tried_again(play, tmp_path):
    noted = play("leave(error='row 3 is no number')\nsys.exit(65)")
    with pytest.raises(InputError, match=r"^row 3 is no number$"):
        train_by_workers(REQUEST, str(tmp_path / "model"), Workers(workers=2))
    assert len(noted()) == len({each["index"] for each in noted()})


def test_a_worker_that_fails_is_not_tried_again(play, tmp_path):
    noted = play("if index == 1: sys.exit(3)\ntime.sleep(60)")
    with pytest.raises(WorkerError, match="worker 1 of 2 failed with exit code 3"):
        train_by_workers(REQUEST, str(tmp_path / "model"), Workers(workers=2))
    assert all(gone(each["pid"]) for each in noted())


STEP = """
import os, sys
from components.training import local_workers
from components.training.request import Request, Workers
local_workers.COMMAND = (sys.executable, {script!r})
try:
    local_workers.train_by_workers(Request("e", "t", "g", "m", "l"), {model!r}, Workers(workers=2))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_step_however_it_ends(play, tmp_path, number):
    noted = play(
        "import threading\n"
        "threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(1)), daemon=True).start()\n"
        "time.sleep(600)"
    )
    text = STEP.format(script=str(tmp_path / "worker.py"), model=str(tmp_path / "model"))
    step = subprocess.Popen([sys.executable, "-c", text], start_new_session=True, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "log.jsonl").exists() or len(noted()) < 2:
            assert time.monotonic() < deadline
            assert step.poll() is None, step.stderr.read()
            time.sleep(0.05)
        time.sleep(0.2)
        os.kill(step.pid, number)
        step.wait(120)
        while not all(gone(each["pid"]) for each in noted()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if number != signal.SIGKILL:
            assert not [path for path in tmp_path.iterdir() if path.name.startswith(".workers")]
            assert step.returncode == 128 + number
    finally:
        step.kill()
        step.stderr.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pss": 1}, "pss=1: Keras 3 trains with no parameter servers; set pss=0, and let workers="),
        ({"workers": 0}, "workers=0: must be at least 1"),
        ({"workers": 3}, "batch_size=40: 3 workers cannot share it evenly; .* for example 42"),
        ({"checkpoint_steps": 0}, "checkpoint_steps=0: must be at least 1"),
        ({"max_restarts": -1}, "max_restarts=-1: must be at least 0"),
    ],
)
def test_what_workers_cannot_do_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        Workers(**{"workers": 2, **changes}).check(batch_size=40)
