"""Cloud Storage: gcp-storage-emulator, and what TensorFlow's own gs:// file system asks of it beyond that."""

from __future__ import annotations

from http.server import HTTPServer
from typing import Any

from gcp_storage_emulator import server


class _Request(server.Request):
    """A request as Cloud Storage would understand it."""

    @property
    def base_url(self) -> str:
        """Addresses in answers lead back through the proxy, which ends TLS."""
        url: str = super().base_url
        return url.replace("http://", "https://", 1) if url.endswith(".googleapis.com") else url

    @property
    def full_url(self) -> str:
        return self.base_url + self._path

    @property
    def data(self) -> Any:
        """An upload without a body is an empty object."""
        data = super().data
        return b"" if data is None and self.query.get("uploadType") == ["media"] else data


def _storage_layout(request: Any, response: Any, _storage: Any) -> None:
    """Say that a bucket has no hierarchical namespace."""
    response.json({"kind": "storage#storageLayout", "bucket": request.params["bucket_name"], "locationType": "region"})


def start() -> tuple[server.Server, int]:
    """Start the emulator, in memory and without a bucket; it and its port are returned."""
    server.Request = _Request
    layout = (r"^/storage/v1/b/(?P<bucket_name>[-.\w]+)/storageLayout$", {server.GET: _storage_layout})
    server.HANDLERS = (layout, *server.HANDLERS)
    HTTPServer.request_queue_size = 128  # clients ask for many objects at a time; it answers one after the other
    emulator = server.create_server("127.0.0.1", 0, in_memory=True)
    emulator.start()
    return emulator, emulator._api._httpd.server_address[1]
