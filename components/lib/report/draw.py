"""Draw charts as inline SVG: text and marks that take their colours from the page, and need no script.

Chart libraries were weighed: Vega-Lite with its parts is 0.8 MB of script, Plotly's basic bundle 1.2 MB, ECharts
1.1 MB, Observable Plot with D3 0.5 MB, in every page and every notebook cell; and a chart drawn by script is missing
wherever scripts do not run (mail previews, notebooks that are not trusted). Such a chart is 2 to 15 kB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from components.lib.report.text import tick_text

Scale = Callable[[float], float]
"""From a value to a coordinate."""

WIDTH = 360
"""Width of every chart: about that of a phone, so that text keeps its size there."""


def element(name: str, *content: object, **attributes: object) -> Markup:
    """Build an element; everything that is not `Markup` is escaped.

    Args:
        name: Its name.
        *content: What is inside.
        **attributes: A trailing underscore is cut (``class_``), others become hyphens; None leaves an attribute out.

    Returns:
        The markup.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(part) for part in content)
    return Markup(f"<{name}{said}>{inside}</{name}>")  # noqa: S704 - every part is escaped above


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Map ``low`` … ``high`` evenly to ``start`` … ``end``."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Map ``low`` … ``high``, both more than 0, to ``start`` … ``end`` by their logarithms."""
    inner = linear(math.log(low), math.log(high), start, end)
    return lambda value: inner(math.log(value))


def square_root(high: float, start: float, end: float) -> Scale:
    """Map 0 … ``high`` to ``start`` … ``end`` by their square roots: the small stay visible beside the large."""
    inner = linear(0, math.sqrt(high), start, end)
    return lambda value: inner(math.sqrt(value))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Choose round numbers in a range.

    Args:
        low: Where the range begins.
        high: Where it ends.
        most: How many at most.

    Returns:
        Multiples of 1, 2 or 5 times a power of ten.
    """
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass
class Chart:
    """A chart in the making: marks are added in the order in which they shall be painted.

    Attributes:
        title: What it is, for whoever hears the page.
        description: What it shows, in a sentence or two, for the same.
        height: Of the whole, in the units of `WIDTH`.
        parts: What was added.
    """

    title: str
    description: str
    height: float
    parts: list[Markup] = field(default_factory=list)

    def add(self, name: str, *content: object, **attributes: object) -> None:
        """Add any element; see `element`."""
        self.parts.append(element(name, *content, **attributes))

    def line(self, points: Iterable[tuple[float, float]], class_: str) -> None:
        """Add a polyline through points."""
        path = "".join(f"{'L' if at else 'M'}{_short(x)} {_short(y)}" for at, (x, y) in enumerate(points))
        self.add("path", d=path, class_=class_)

    def dots(self, points: Sequence[tuple[float, float]], class_: str) -> None:
        """Add many dots as one path: thousands cost a few bytes each."""
        if points:
            self.add("path", d="".join(f"M{_short(x)} {_short(y)}h0" for x, y in points), class_=class_)

    def text(self, x: float, y: float, said: str, class_: str = "tick", anchor: str | None = None) -> None:
        """Add text at a point."""
        self.add("text", said, x=x, y=y, class_=class_, text_anchor=anchor)

    def axis_x(self, scale: Scale, values: Sequence[float], top: float, bottom: float, label: str = "") -> None:
        """Add vertical grid lines with their values below, and what the axis means."""
        for value in values:
            self.line([(scale(value), top), (scale(value), bottom)], "grid")
            self.text(scale(value), bottom + 14, tick_text(value), anchor="middle")
        if label:
            self.text((scale(values[0]) + scale(values[-1])) / 2, bottom + 30, label, "label", "middle")

    def axis_y(self, scale: Scale, values: Sequence[float], left: float, right: float, label: str = "") -> None:
        """Add horizontal grid lines with their values at the left, and what the axis means at the top."""
        for value in values:
            self.line([(left, scale(value)), (right, scale(value))], "grid")
            self.text(left - 6, scale(value) + 4, tick_text(value), anchor="end")
        if label:
            self.text(0, 12.0, label, "label")

    def markup(self, **attributes: object) -> Markup:
        """Give the chart as markup."""
        return element(
            "svg",
            element("title", self.title),
            element("desc", self.description),
            *self.parts,
            viewBox=f"0 0 {WIDTH} {self.height:g}",
            width=WIDTH,
            height=round(self.height),
            role="img",
            aria_label=f"{self.title}. {self.description}",
            **attributes,
        )


def _short(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
