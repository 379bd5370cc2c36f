"""A proxy that ends TLS for hosts of Google's and hands what they are told to emulators on this machine.

Clients reach the emulators without being told of them: by HTTPS_PROXY, and a certificate authority made here. It runs
in a process of its own: ``python google_proxy.py PORT CA_FILE REST_PORT GRPC_PORT``.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
from pathlib import Path
from typing import Any

import trustme

TOKEN = json.dumps({"access_token": "made-up", "expires_in": 3600, "token_type": "Bearer"}).encode()
AUTHORITY = trustme.CA()


async def serve(port: int, rest: int, storage: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        host = request.split(b" ")[1].decode().partition(":")[0]
        grpc = host.startswith("bigquerystorage.")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(_context(host, "h2" if grpc else "http/1.1"))
        try:
            if grpc:
                await _both_ways(reader, writer, *await asyncio.open_connection("127.0.0.1", storage))
            elif host == "bigquery.googleapis.com":
                await _request(reader, writer, rest)
            elif host == "oauth2.googleapis.com":
                await _read(reader)
                writer.write(_answer("200 OK", TOKEN))
            else:
                writer.write(_answer("502 Bad Gateway", f"no emulator of {host}".encode()))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


def _context(host: str, protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([protocol])
    AUTHORITY.issue_cert(host).configure_cert(context)
    return context


async def _both_ways(*ends: Any) -> None:
    reader, writer, other_reader, other_writer = ends

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()

    await asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return head, await reader.readexactly(int(length[1])) if length else b""


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass one request on; its answer ends with the connection."""
    head, body = await _read(reader)
    agent = re.search(rb"(?im)^user-agent: *(.*?)\r$", head)
    print(head.partition(b"\r\n")[0].decode(), agent[1].decode() if agent else "", flush=True)
    if head.startswith(b"POST ") and b'"query"' in body:
        body = _with_result_in_table(body)
    lines = [line for line in head.split(b"\r\n") if line and not re.match(rb"(?i)(connection|content-length):", line)]
    head = b"\r\n".join([*lines, b"connection: close", b"content-length: %d" % len(body), b"", b""])
    from_emulator, to_emulator = await asyncio.open_connection("127.0.0.1", port)
    to_emulator.write(head + body)
    await to_emulator.drain()
    writer.write(await from_emulator.read())
    to_emulator.close()


def _with_result_in_table(body: bytes) -> bytes:
    """BigQuery keeps a query's result in a table, which its Storage API reads. The emulator does not; this does."""
    job = json.loads(body)
    configuration = job["configuration"]
    query = configuration["query"]
    if not configuration.get("dryRun") and query["query"].startswith("WITH"):
        name = "result_" + re.sub(r"\W", "_", job["jobReference"]["jobId"])
        query["query"] = f"CREATE OR REPLACE TABLE garden.{name} AS {query['query']}"
    return json.dumps(job).encode()


def _answer(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
    )
    return head.encode() + b"\r\n" + body


if __name__ == "__main__":
    AUTHORITY.cert_pem.write_to_path(str(Path(sys.argv[2])))
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])))
