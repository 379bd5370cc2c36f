"""The process that the stand-ins live in: ``python -m tests.google FOLDER``; it ends when its standard input does.

The folder is how tests and stand-ins speak with each other: `fixtures.py` says what lies there.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import dataflow, storage
from .proxy import Proxy

BUNDLES = (
    "CURL_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)


def _write_key(path: Path) -> None:
    """Write credentials of a service account that nobody has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "test-project",
        "private_key_id": "made-up",
        "private_key": key.decode(),
        "client_email": "tests@test-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path.write_text(json.dumps(account))


async def main(folder: Path) -> None:
    """Start everything, say so, and wait for the end of standard input."""
    proxy = Proxy(folder / "routes.json", folder / "requests.log")
    address = f"http://127.0.0.1:{await proxy.serve()}"
    authority, key = folder / "ca.pem", folder / "key.json"
    proxy.authority.cert_pem.write_to_path(str(authority))
    _write_key(key)
    environment = {
        **dict.fromkeys(("https_proxy", "HTTPS_PROXY"), address),
        **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
        **dict.fromkeys(BUNDLES, str(authority)),
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "NO_GCE_CHECK": "true",
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    emulator, port = storage.start()
    jobs = dataflow.Jobs(folder, {**os.environ, **environment})
    server, jobs_port = dataflow.start(jobs)
    routes = {
        "storage.googleapis.com": {"http": port},
        "www.googleapis.com": {"http": port},  # where TensorFlow looks for Cloud Storage
        "dataflow.googleapis.com": {"grpc": jobs_port},
    }
    (folder / "routes.json").write_text(json.dumps(routes))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    jobs.stop()
    server.stop(None)
    emulator.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
