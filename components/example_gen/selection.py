"""The one query that selects rows, in BigQuery SQL with query parameters.

BigQuery runs it as it is; `dialect` turns it into DuckDB's for files. It is built from parsed expressions and never
from text, so a value can only reach it as a parameter, and a name only as a quoted identifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlglot import exp

from components.errors import InputError
from components.example_gen.expressions import columns_of
from components.example_gen.windows import Window

KEY, SPLIT, ORDER = "example_key", "example_split", "example_order"
"""What every selected row carries beside the schema's columns: its key, its split, and its place in the order."""

NO_WHOLE_NUMBER = " is no whole number"
"""How the query says that it would have to round."""

SALT = "sample:"
"""Sets the hash that orders and samples apart from the one that splits."""

_Q = {"quoted": True}


@dataclass(frozen=True)
class Selection:
    """A query and the values of its parameters.

    Attributes:
        query: BigQuery's, parsed.
        parameters: ``INT64`` and ``TIMESTAMP`` values by name; a time knows its zone.
        splits: The splits that its rows may have.
    """

    query: exp.Select
    parameters: Mapping[str, int | datetime]
    splits: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The query as BigQuery takes it."""
        return self.query.sql(dialect="bigquery", pretty=True)


@dataclass(frozen=True)
class Request:
    """What is asked of a source.

    Attributes:
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column: what the examples shall hold, in this order.
        key_column: Names a row.
        derived: Expressions of the columns that are computed and not read.
        time_column: What windows are windows of; empty if there is none.
        max_rows: How many rows to take, sampled by hash; 0 takes all.
        windows: By split; a split that is not among them is not read.
    """

    types: Mapping[str, str]
    key_column: str
    derived: Mapping[str, exp.Expression] = field(default_factory=dict)
    time_column: str = ""
    max_rows: int = 0
    windows: Mapping[str, Window] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str | None]:
        """The columns to read, and the types they must fit; None where any will do."""
        read: dict[str, str | None] = {name: kind for name, kind in self.types.items() if name not in self.derived}
        named = [name for expression in self.derived.values() for name in sorted(columns_of(expression))]
        for name in [*named, *([self.time_column] if self.time_column else [])]:
            read.setdefault(name, None)
        return read


def select(request: Request, table: exp.Table, kinds: Mapping[str, str], *, fold: bool) -> Selection:
    """Write the query.

    Args:
        request: What is asked.
        table: Where the rows are.
        kinds: What the table holds: ``INT``, ``FLOAT``, ``BYTES``, ``TIMESTAMP`` or ``DATE`` by column.
        fold: Whether the key's hash says a row's split (two thirds train, one third eval). If not, the table is taken
            whole for the one split that is asked.

    Returns:
        A query for rows with the schema's columns in order, then `KEY`, `SPLIT` and `ORDER`.

    Raises:
        InputError: A column has a type that does not fit.
    """
    splits = tuple(request.windows)
    parameters: dict[str, int | datetime] = {}
    source = exp.select(
        *(_read(name, kinds[name], is_time=name == request.time_column) for name in request.columns),
        exp.alias_(_as_text(request.key_column, kinds[request.key_column]), KEY, **_Q),
    ).from_(table)
    keyed = exp.select(
        exp.Star(),
        exp.alias_(_split(splits, fold=fold), SPLIT, **_Q),
        exp.alias_(_order(), ORDER, **_Q),
    ).from_("source")
    query = (
        exp.select(
            *(exp.alias_(_output(name, request, kinds), name, **_Q) for name in request.types),
            *(_column(name) for name in (KEY, SPLIT, ORDER)),
        )
        .from_("keyed")
        .with_("source", as_=source)
        .with_("keyed", as_=keyed, append=True)
        .where(*_wanted(request, parameters, fold=fold))
    )
    if request.max_rows:
        parameters["max_rows"] = request.max_rows
        query = query.order_by(_column(ORDER), _column(KEY)).limit(_parameter("max_rows"))
    return Selection(query, parameters, splits)


def time_range(request: Request, table: exp.Table, kinds: Mapping[str, str]) -> Selection:
    """Write the query for the first and the last time of a table.

    Args:
        request: Names the time column.
        table: Where the rows are.
        kinds: As in `select`.

    Returns:
        A query for one row: the first and the last time.
    """
    name = request.time_column
    source = exp.select(_read(name, kinds[name], is_time=True)).from_(table)
    time = exp.column(name, **_Q)
    ends = (exp.Min(this=time), exp.Max(this=time.copy()))
    return Selection(exp.select(*ends).from_("source").with_("source", as_=source), {}, ())


def _column(name: str, table: str = "keyed") -> exp.Column:
    return exp.column(name, table, **_Q)


def _parameter(name: str) -> exp.Parameter:
    return exp.Parameter(this=exp.Var(this=name))


def _cast(value: exp.Expression, kind: str) -> exp.Expression:
    return exp.cast(value, exp.DataType.build(kind, dialect="bigquery"))


def _read(name: str, kind: str, *, is_time: bool) -> exp.Expression:
    column = exp.column(name, **_Q)
    if is_time and kind == "INT":
        return exp.alias_(exp.UnixToTime(this=column), name, **_Q)
    if kind == "DATE" or (is_time and kind != "TIMESTAMP"):
        return exp.alias_(_cast(column, "TIMESTAMP"), name, **_Q)
    return column


def _as_text(name: str, kind: str) -> exp.Expression:
    column = exp.column(name, **_Q)
    return column if kind == "BYTES" else _cast(column, "STRING")


def _hash(value: exp.Expression) -> exp.Expression:
    return exp.FarmFingerprint(expressions=[value])


def _split(splits: tuple[str, ...], *, fold: bool) -> exp.Expression:
    if not fold:
        return exp.Literal.string(splits[0])
    # ABS outside of MOD: the absolute value of the least INT64 would overflow.
    rest = exp.Abs(this=exp.Mod(this=_hash(exp.column(KEY, **_Q)), expression=exp.Literal.number(3)))
    return exp.func("IF", rest > 0, exp.Literal.string("train"), exp.Literal.string("eval"))


def _order() -> exp.Expression:
    salted = exp.Concat(expressions=[exp.Literal.string(SALT), exp.column(KEY, **_Q)], safe=False, coalesce=False)
    return _hash(salted)


def _output(name: str, request: Request, kinds: Mapping[str, str]) -> exp.Expression:
    kind = request.types[name]
    if name in request.derived:
        expression = request.derived[name].copy()
        for column in list(expression.find_all(exp.Column)):
            column.set("table", exp.to_identifier("keyed", quoted=True))
            column.this.set("quoted", True)
        return _cast(expression, {"INT": "INT64", "FLOAT": "FLOAT64", "BYTES": "STRING"}[kind])
    column, found = _column(name), "TIMESTAMP" if name == request.time_column else kinds[name]
    if (kind, found) == ("INT", "INT") or (kind, found) == ("BYTES", "BYTES"):
        return column
    if kind == "INT" and found in {"TIMESTAMP", "DATE"}:
        return exp.UnixSeconds(this=column)
    if kind == "INT" and found == "FLOAT":
        return _whole(name, column)
    if kind == "FLOAT" and found in {"INT", "FLOAT"}:
        return _cast(column, "FLOAT64")
    if kind == "BYTES" and found == "INT":
        return _cast(column, "STRING")
    raise InputError(f"column {name!r} is {_SAID.get(found, found)} in the source; the schema says {kind}")


_SAID = {
    "INT": "whole numbers",
    "FLOAT": "numbers with fractions",
    "BYTES": "text",
    "TIMESTAMP": "times",
    "DATE": "dates",
}


def _whole(name: str, column: exp.Column) -> exp.Expression:
    """A cast that refuses to round, since both engines would."""
    said = exp.Concat(
        expressions=[
            exp.Literal.string(f"column {name!r}: "),
            _cast(column.copy(), "STRING"),
            exp.Literal.string(NO_WHOLE_NUMBER),
        ],
        safe=False,
        coalesce=False,
    )
    fits = exp.or_(column.is_(exp.Null()), column.eq(exp.Anonymous(this="TRUNC", expressions=[column.copy()])))
    return exp.Case().when(fits, _cast(column.copy(), "INT64")).else_(exp.Anonymous(this="ERROR", expressions=[said]))


def _wanted(request: Request, parameters: dict[str, int | datetime], *, fold: bool) -> list[exp.Expression]:
    """Say which rows are taken, and note the parameters that say it."""
    choices = []
    for split, window in request.windows.items():
        conditions: list[exp.Expression] = [_column(SPLIT).eq(split)] if fold else []
        prefix = "" if split == "train" else f"{split}_"
        time = _column(request.time_column)
        for end, name, condition in (
            (window.begin, f"{prefix}ts1", exp.GTE),
            (window.end, f"{prefix}ts2", exp.LT),
        ):
            if end is not None:
                parameters[name] = end
                conditions.append(condition(this=time.copy(), expression=_parameter(name)))
        choices.append(conditions)
    if not any(choices) or (fold and len(choices) == 2 and all(len(choice) == 1 for choice in choices)):
        return []  # every row is wanted
    return [exp.or_(*(exp.and_(*choice) for choice in choices))]
