"""Read a page back."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "input", "br", "col", "hr", "img"}


class Page(HTMLParser):
    """The elements of a page: tags with their attributes, text, and the JSON that the script reads.

    Attributes:
        elements: Name and attributes of each.
        data: Content of each JSON script, by its id.
        text: All text outside of scripts and styles.
        open: Elements that are not closed yet; empty at the end of a sound page.
        crossed: Closing tags that closed another element than the last one opened.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, Any] = {}
        self.text = ""
        self.open: list[str] = []
        self.crossed: list[str] = []
        self._json: str | None = None
        self.feed(html)
        self.close()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Give the attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if dict(attrs).get("type") == "application/json":
            self._json = dict(attrs)["id"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if self._json:
            self.data[self._json] = json.loads(data)
            self._json = None
        elif self.open and self.open[-1] not in ("script", "style"):
            self.text += data


def slice_numbers(page: Page) -> dict[str, dict[str, Any]]:
    """Give the table of slices: by name, the cells by heading."""
    data = page.data["slices-data"]
    headings = [column["label"] for column in data["columns"]]
    return {row[0]: dict(zip(headings, row, strict=True)) for row in data["rows"]}
