"""What all tests share: golden files, stand-ins for Google's services, and one finished run of workflow1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.google.fixtures import google, google_folder  # noqa: F401

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden", action="store_true", help="write the golden files anew instead of comparing with them"
    )
    parser.addoption("--image", action="store_true", help="build the image and run it, which takes minutes and 10 GB")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file, or write it with --regenerate-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--regenerate-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.is_file(), f"no golden file {name}: run pytest --regenerate-golden and look at what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"{name} has changed: if that is meant, --regenerate-golden"

    return check


@pytest.fixture(scope="session")
def workflow1_run(tmp_path_factory: pytest.TempPathFactory):
    """One run of workflow1 with its defaults, on the bundled trips, that all end-to-end tests look at."""
    from pipeline_tools.local import run
    from taxi_pipeline.workflow1 import workflow1

    return run(workflow1, run_dir=tmp_path_factory.mktemp("runs") / "workflow1")


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give the real client of an emulated Cloud Storage with one bucket, `bucket`; child processes reach it too."""
    from google.cloud import storage

    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="pip install gcp-storage-emulator")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server._api._httpd.socket.getsockname()[1]}")
    yield storage.Client(project=None)
    server.stop()
