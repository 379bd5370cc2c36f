"""Versions that come, go, and are broken."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.e2e

from components.lib.serving.client import connect  # noqa: E402
from pipeline_tools.errors import InputError  # noqa: E402


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def answer(curl, server) -> str:
    return curl(server, "/v1/models/tiny:predict", '{"inputs": [0.0]}')[1]


def test_a_new_version_takes_over_and_a_withdrawn_one_gives_way(serve, curl, base, tiny):
    server = serve()
    assert answer(curl, server) == '{"outputs": [2.0]}'
    base.publish(tiny(3.0))
    wait_for(lambda: server.available() == {"tiny": [2]})
    assert answer(curl, server) == '{"outputs": [3.0]}'
    base.withdraw(2)
    wait_for(lambda: server.available() == {"tiny": [1]})
    assert answer(curl, server) == '{"outputs": [2.0]}'


def test_no_request_fails_while_versions_change(serve, base, tiny):
    server = serve()
    stop, errors, seen = threading.Event(), [], set()

    def ask(address: str) -> None:
        import json
        import urllib.request

        while not stop.is_set():
            request = urllib.request.Request(address, b'{"inputs": [0.0]}')
            try:
                with urllib.request.urlopen(request, timeout=120) as response:
                    seen.add(json.loads(response.read())["outputs"][0])
            except Exception as error:
                errors.append(error)

    address = f"http://127.0.0.1:{server.rest_api_port}/v1/models/tiny:predict"
    threads = [threading.Thread(target=ask, args=(address,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for offset in (3.0, 4.0, 5.0):
        version = base.publish(tiny(offset))
        wait_for(lambda version=version: server.available() == {"tiny": [version]})
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()

    assert errors == []
    assert seen == {2.0, 3.0, 4.0, 5.0}


def test_an_incomplete_version_is_ignored_until_it_is_whole(serve, curl, base, tiny):
    server = serve()
    half = Path(base.path(2))
    shutil.copytree(tiny(3.0), half, ignore=shutil.ignore_patterns("saved_model.pb"))
    time.sleep(0.5)
    assert answer(curl, server) == '{"outputs": [2.0]}'
    assert server.available() == {"tiny": [1]}

    shutil.copy(tiny(3.0) / "saved_model.pb", half)
    wait_for(lambda: server.available() == {"tiny": [2]})


def test_a_version_that_is_a_file_is_ignored(serve, curl, base):
    server = serve()
    Path(base.path(2)).write_text("no directory")
    time.sleep(0.5)

    assert answer(curl, server) == '{"outputs": [2.0]}'


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_a_truncated_version_is_told_and_the_old_one_answers_until_it_is_mended(
    serve, curl, base, tiny, tmp_path, name
):
    server = serve()
    broken = tmp_path / "broken"
    shutil.copytree(tiny(3.0), broken)
    (broken / name).write_bytes((broken / name).read_bytes()[:-20])
    base.publish(broken)
    wait_for(lambda: len(server.manager.status("tiny")) == 2 and server.manager.status("tiny")[0].state == 50)

    assert answer(curl, server) == '{"outputs": [2.0]}'
    assert server.manager.status("tiny")[0].error
    assert '"END"' in curl(server, "/v1/models/tiny/versions/2")[1]
    base.publish(tiny(4.0))
    wait_for(lambda: server.available() == {"tiny": [3]})
    assert answer(curl, server) == '{"outputs": [4.0]}'


def test_two_servers_do_not_share_a_port(serve):
    server = serve()
    with pytest.raises(InputError, match=f"port {server.port} on 127.0.0.1 cannot be opened for gRPC"):
        serve(port=server.port)
    with pytest.raises(InputError, match=f"port {server.rest_api_port} on 127.0.0.1 cannot be opened for REST"):
        serve(rest_api_port=server.rest_api_port)


def test_the_command_serves_until_it_is_told_to_stop(base, tmp_path):
    command = [
        *(sys.executable, "-m", "taxi_pipeline", "serve", "--model-base-path", str(tmp_path / "models")),
        *("--port", "0", "--rest-api-port", "0"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "tiny: version 1\n"
        where = process.stdout.readline()
        address = where.split()[5].removesuffix("/v1/models/NAME")
        with connect(address, "tiny") as client:
            assert client.columns() == {}
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "In production, serve the same directory with TF-Serving" in rest
