"""A proxy that ends TLS for hosts of Google's, and hands what they are told to stand-ins on this machine.

Clients reach the stand-ins without being told of them: by HTTPS_PROXY, and a certificate authority made here. Requests
by HTTP/1.1 are passed on one by one, gRPC (HTTP/2) byte by byte.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trustme

TOKEN = json.dumps({"access_token": "made-up", "expires_in": 3600, "token_type": "Bearer"}).encode()
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Request(NamedTuple):
    """A request by HTTP/1.1, whole; its header says nothing of length, encoding or connection."""

    method: str
    path: str
    header: list[bytes]
    body: bytes


class Proxy:
    """Knows the hosts that there are.

    Args:
        routes: A JSON file, read anew at each connection: the port on 127.0.0.1 by protocol (``http`` or ``grpc``) by
            host. A host may contain ``*``.
        log: Gets a line a request: host, method, path, client.
    """

    def __init__(self, routes: Path, log: Path) -> None:
        self.authority = trustme.CA()
        self._routes = routes
        self._log = log.open("a", buffering=1)
        self._doors: dict[str, int] = {}

    async def serve(self) -> int:
        """Listen, as long as the loop runs, on a port that is returned."""
        return await _listen(self._connected)

    async def _connected(self, reader: Reader, writer: Writer) -> None:
        """Lead one connection to where its host's TLS is ended."""
        line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
        host = line[1].decode().partition(":")[0]
        if host not in self._doors:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols(["h2" if self._port(host, "grpc") else "http/1.1"])
            self.authority.issue_cert(host).configure_cert(context)
            self._doors[host] = await _listen(partial(self._told, host), context)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _both_ways(reader, writer, self._doors[host])

    async def _told(self, host: str, reader: Reader, writer: Writer) -> None:
        """Pass on what a client tells a host."""
        port = self._port(host, "grpc")
        if port:
            self._log.write(f"{host} grpc\n")
            await _both_ways(reader, writer, port)
            return
        while request := await _read_request(reader, writer):
            agent = next((line[12:].decode() for line in request.header if line.lower().startswith(b"user-agent")), "")
            self._log.write(f"{host} {request.method} {request.path} {agent}\n")
            writer.write(await self._answer(host, request))
            await writer.drain()

    async def _answer(self, host: str, request: Request) -> bytes:
        if host == "oauth2.googleapis.com" or request.path.startswith("/oauth2/"):
            return _framed(b"HTTP/1.1 200 OK\r\nContent-Type: application/json", TOKEN)
        port = self._port(host, "http")
        if not port:
            return _framed(b"HTTP/1.1 501 Not Implemented", f"no stand-in for {host}".encode())
        if host == "bigquery.googleapis.com":
            request = _with_result_in_table(request)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        length = f"Content-Length: {len(request.body)}".encode()
        first = f"{request.method} {request.path} HTTP/1.1".encode()
        writer.write(b"\r\n".join([first, *request.header, length, b"Connection: close", b"", request.body]))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return _framed(head, body, keep_length=request.method == "HEAD")

    def _port(self, host: str, protocol: str) -> int:
        routes = json.loads(self._routes.read_text())
        return next((ports.get(protocol, 0) for name, ports in routes.items() if fnmatch(host, name)), 0)


async def _listen(connected: Callable, context: ssl.SSLContext | None = None) -> int:
    async def safely(reader: Reader, writer: Writer) -> None:
        try:
            await connected(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(safely, "127.0.0.1", 0, ssl=context)
    return int(server.sockets[0].getsockname()[1])


async def _both_ways(reader: Reader, writer: Writer, port: int) -> None:
    async def copy(source: Reader, target: Writer) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        finally:
            target.close()

    there = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))


async def _read_request(reader: Reader, writer: Writer) -> Request | None:
    try:
        first, *header = (await reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = first.decode().split(" ")
    fields = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip().lower() for line in header}
    if b"expect" in fields:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if fields.get(b"transfer-encoding") == b"chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif b"content-length" in fields:
        body = await reader.readexactly(int(fields[b"content-length"]))
    framing = re.compile(rb"(?i)(connection|content-length|expect|transfer-encoding):")
    return Request(method, path, [line for line in header if not framing.match(line)], body)


def _framed(head: bytes, body: bytes, keep_length: bool = False) -> bytes:
    """Give an answer that ends where it says, so that its connection can be used again."""
    first, *lines = head.split(b"\r\n")
    lines = [line for line in lines if not re.match(rb"(?i)connection:", line)]
    if not keep_length and not any(re.match(rb"(?i)transfer-encoding:", line) for line in lines):
        lines = [line for line in lines if not re.match(rb"(?i)content-length:", line)]
        lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join([first.replace(b"HTTP/1.0", b"HTTP/1.1"), *lines, b"", body])


def _with_result_in_table(request: Request) -> Request:
    """BigQuery keeps a query's result in a table, which its Storage API reads. The emulator does not; this does."""
    if request.method != "POST" or b'"query"' not in request.body:
        return request
    job = json.loads(request.body)
    configuration = job["configuration"]
    query = configuration["query"]
    if not configuration.get("dryRun") and query["query"].startswith("WITH"):
        name = "result_" + re.sub(r"\W", "_", job["jobReference"]["jobId"])
        query["query"] = f"CREATE OR REPLACE TABLE garden.{name} AS {query['query']}"
    return request._replace(body=json.dumps(job).encode())
