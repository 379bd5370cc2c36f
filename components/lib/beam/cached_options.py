"""Beam's pipeline options with cached views."""

from __future__ import annotations

from typing import Any, TypeVar

from apache_beam.options.pipeline_options import PipelineOptions

View = TypeVar("View", bound=PipelineOptions)


class CachedOptions(PipelineOptions):
    """Options that keep the views through which Beam looks at them.

    Beam asks for several views a transform, and makes a parser of command lines for each: a sixth of the time that a
    pipeline of TFT's takes. All views of some options share their values, so that one that is kept shows what a new one
    would.
    """

    def view_as(self, cls: type[View]) -> View:
        """Give a view; see Beam.

        Args:
            cls: A kind of options.

        Returns:
            The same view every time.
        """
        views: dict[type[PipelineOptions], Any] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: View = views[cls]
        return view

    def __getstate__(self) -> dict[str, Any]:
        """Leave the views out of copies, which make their own."""
        return {name: value for name, value in super().__getstate__().items() if name != "_views"}
