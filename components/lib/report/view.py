"""Show a page in a notebook, or keep it as a file."""

from __future__ import annotations

import os
from pathlib import Path

from markupsafe import Markup

from pipeline_tools.atomic import atomic_file


def write_page(html: str, path: str | os.PathLike[str]) -> None:
    """Write a page, whole or not at all.

    Args:
        html: The page.
        path: The file.
    """
    with atomic_file(path) as scratch:
        scratch.write_text(html, encoding="utf-8")


class View:
    """A page that a notebook shows by itself, without an extension.

    What the notebook keeps is the page itself, in a frame of its own, so that it is there again after saving and
    reloading, in JupyterLab, VS Code and ``nbconvert`` output alike. Where frames are not shown, the conclusion is
    there as text.

    Args:
        html: The page.
        conclusion: What it comes to, in a sentence or two.
    """

    def __init__(self, html: str, conclusion: str) -> None:
        self.html = html
        self.conclusion = conclusion

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file.

        Args:
            path: The file, for example ``report.html``.

        Returns:
            The same path.
        """
        write_page(self.html, path)
        return Path(path)

    def __repr__(self) -> str:
        return self.conclusion

    def _repr_html_(self) -> str:
        # The frame may run the page's script and nothing else: what is in the data never reaches the notebook.
        frame = '<iframe srcdoc="{}" sandbox="allow-scripts" title="{}" style="{}">{}</iframe>'
        style = "width:100%;height:80vh;min-height:30rem;border:1px solid #8884"
        return Markup(frame).format(  # noqa: S704 - what is put in is escaped
            self.html, self.conclusion, style, self.conclusion
        )
