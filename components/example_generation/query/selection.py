"""The one query that selects rows, in BigQuery SQL with query parameters.

BigQuery runs it as it is; `dialect` turns it into DuckDB's for files. It is built from parsed expressions and never
from text, so a value can only reach it as a parameter, and a name only as a quoted identifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from components.example_generation.query.expression_types import infer_types
from components.example_generation.query.expressions import TIME, columns_of, use_of
from components.example_generation.query.row_keys import concat, key_by_content
from components.example_generation.query.windows import Window
from pipeline_tools.errors import InputError

KEY, SPLIT, ORDER = "example_key", "example_split", "example_order"
"""What every selected row has beside the schema's columns: its key, its split, and its position."""

_GROUP = "example_group"

DERIVED = "derived"
"""The key in the ``meta`` of a node that is a derived column's whole expression."""

NO_WHOLE_NUMBER = " is not a whole number"
"""How the query says that it would have to round."""

NO_GROUP = "a row has no value, and group_column names it"
"""How the query says that a row belongs to no group."""

SALT = "sample:"
"""Sets the hash that orders and samples apart from the one that splits."""


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
class RowRequest:
    """What is asked of a source.

    Attributes:
        types: ``INT``, ``FLOAT`` or ``BYTES`` by column: what the examples shall hold, in this order.
        key_column: Names a row; empty if rows have no key. A row is then known by its content, and by its number among
            the rows of the same content.
        derived: Expressions of the columns that are computed and not read.
        time_column: What windows are windows of; empty if there is none.
        max_rows: How many rows to take, sampled by hash; 0 takes all.
        windows: By split; a split that is not among them is not read.
        group_column: Rows of one value belong to one split; empty leaves that to the key.
        without_keys: Whether rows that have no key get none, in place of one made of their content.
    """

    types: Mapping[str, str]
    key_column: str
    derived: Mapping[str, exp.Expr] = field(default_factory=dict)
    time_column: str = ""
    max_rows: int = 0
    windows: Mapping[str, Window] = field(default_factory=dict)
    group_column: str = ""
    without_keys: bool = False

    @property
    def columns(self) -> dict[str, str | None]:
        """The columns to read: the type that each must fit, or how it is used (see `use_of`)."""
        read: dict[str, str | None] = {name: kind for name, kind in self.types.items() if name not in self.derived}
        if self.group_column:
            read.setdefault(self.group_column, "BYTES")
        for name in sorted(set().union(*map(columns_of, self.derived.values()))):
            read.setdefault(name, use_of(name, self.derived.values()))
        if self.time_column:
            read[self.time_column] = TIME
        return read


def select(request: RowRequest, table: exp.Table, kinds: Mapping[str, str], *, fold: bool) -> Selection:
    """Write the query.

    Args:
        request: What is asked.
        table: Where the rows are.
        kinds: What the table holds, by column: ``INT``, ``FLOAT``,
            ``BOOL``, ``BYTES``, ``TIMESTAMP``, ``DATE`` or ``OTHER``.
        fold: Whether a hash of the key, or of the group, says a row's split (two thirds train, one third eval). If
            not, the table is taken whole for the one split that is asked.

    Returns:
        A query for rows with the schema's columns in order, then `KEY`, `SPLIT` and `ORDER`.

    Raises:
        InputError: A column has a type that does not fit.
    """
    splits = tuple(request.windows)
    parameters = _parameters(request)
    source = exp.select(*(_read(name, kinds[name], request) for name in request.columns)).from_(table)
    if request.key_column or request.without_keys:
        key = _text("key_column", request.key_column, kinds) if request.key_column else _cast(exp.Null(), "STRING")
        source = source.select(exp.alias_(key, KEY, quoted=True))
    if request.group_column:
        source = source.select(exp.alias_(_group(request.group_column, kinds), _GROUP, quoted=True))
    within = _in_some_window(request)
    if request.key_column or request.without_keys:
        keyed = exp.select(exp.Star()).from_("source").where(*within)
    else:
        times = {name: _type_in_expressions(name, request, kinds) == "TIMESTAMP" for name in request.columns}
        keyed = key_by_content(exp.select(exp.Star()).from_("source").where(*within), times, KEY)
    assigned = exp.select(exp.Star(), exp.alias_(_split(request, fold=fold), SPLIT, quoted=True)).from_("keyed")
    query = (
        exp.select(
            *(_output(name, request, kinds) for name in request.types),
            _column(KEY),
            _column(SPLIT),
            exp.alias_(_order(), ORDER, quoted=True),
        )
        .from_("assigned")
        .with_("source", as_=source)
        .with_("keyed", as_=keyed)
        .with_("assigned", as_=assigned)
        .where(*_in_own_window(request, fold=fold))
    )
    if request.max_rows:
        parameters["max_rows"] = request.max_rows
        # Rows may share a key; their content then says which are taken.
        columns = (exp.column(name, quoted=True) for name in (ORDER, KEY, *request.types))
        query = query.order_by(*columns).limit(_parameter("max_rows"))
    return Selection(query, parameters, splits)


def count_times(
    request: RowRequest, table: exp.Table, kinds: Mapping[str, str], windows: Sequence[Window] = ()
) -> Selection:
    """Write the query for the first and the last time of a table, and for the rows in each of some windows.

    Args:
        request: Names the time column; the query reads no other.
        table: Where the rows are.
        kinds: As in `select`.
        windows: What to count, none of them open; not the windows of ``request``.

    Returns:
        A query for one row: the first time, the last time, how many rows have none, and a count a window.
    """
    name = request.time_column
    source = exp.select(_read(name, kinds[name], request)).from_(table)
    time = exp.column(name, quoted=True)
    found = [
        exp.alias_(exp.Min(this=time), "first_time"),
        exp.alias_(exp.Max(this=time.copy()), "last_time"),
        exp.alias_(exp.CountIf(this=time.copy().is_(exp.Null())), "without_time"),
    ]
    parameters: dict[str, int | datetime] = {}
    for number, window in enumerate(windows, start=1):
        ends = {f"ts1_{number}": window.begin, f"ts2_{number}": window.end}
        given = {parameter: end for parameter, end in ends.items() if end is not None}
        begin, end = ([parameter] if parameter in given else [] for parameter in ends)
        found.append(exp.alias_(exp.CountIf(this=exp.and_(*_within(time, begin, end))), f"rows_{number}"))
        parameters |= given
    return Selection(exp.select(*found).from_("source").with_("source", as_=source), parameters, ())


def _column(name: str, table: str = "assigned") -> exp.Column:
    column: exp.Column = exp.column(name, table=table, quoted=True)
    return column


def _parameter(name: str) -> exp.Parameter:
    return exp.Parameter(this=exp.Var(this=name))


def _cast(value: exp.Expr, kind: str) -> exp.Expr:
    return exp.cast(value, exp.DataType.build(kind, dialect="bigquery"))


def _read(name: str, kind: str, request: RowRequest) -> exp.Expr:
    """Give a column the type that the schema says; the time column is a TIMESTAMP until the end."""
    column, wanted = exp.column(name, quoted=True), request.types.get(name)
    value: exp.Expr = column
    if kind == "FLOAT" and wanted == "INT":
        value, kind = _whole(name, column), "INT"
    if kind == "BOOL" and (wanted or name == request.time_column):
        value, kind = _cast(column, "INT64"), "INT"
    if name == request.time_column:
        if kind not in {"INT", "TIMESTAMP", "DATE"}:
            raise InputError(f"time_column={name}: is {SAID[kind]} in the source, and must be times or whole seconds")
        value = exp.UnixToTime(this=value) if kind == "INT" else value
        value = _cast(value, "TIMESTAMP") if kind == "DATE" else value
    elif wanted and (wanted, kind) not in _FITTING:
        raise InputError(f"column {name!r} is {SAID[kind]} in the source; the schema says {wanted}")
    elif wanted == "INT" and kind in {"TIMESTAMP", "DATE"}:
        value = exp.UnixSeconds(this=_cast(value, "TIMESTAMP") if kind == "DATE" else value)
    elif wanted == "FLOAT" or (wanted == "BYTES" and kind == "INT"):
        value = _cast(value, _SQL[wanted])
    elif not wanted and kind in {"FLOAT", "DATE"}:  # what an expression takes it for; BigQuery has several of each
        value = _cast(value, _IN_EXPRESSIONS[kind])
    return value if value is column else exp.alias_(value, name, quoted=True)


_SQL = {"INT": "INT64", "FLOAT": "FLOAT64", "BYTES": "STRING"}
_FITTING = {
    *(("INT", kind) for kind in ("INT", "TIMESTAMP", "DATE")),
    *(("FLOAT", kind) for kind in ("INT", "FLOAT")),
    *(("BYTES", kind) for kind in ("INT", "BYTES")),
}
SAID = {
    "INT": "whole numbers",
    "FLOAT": "numbers with fractions",
    "BOOL": "true or false",
    "BYTES": "text",
    "TIMESTAMP": "times",
    "DATE": "dates",
    "OTHER": "of a type that no example can hold",
}


_IN_EXPRESSIONS = {
    "INT": "INT64",
    "FLOAT": "FLOAT64",
    "BOOL": "BOOL",
    "BYTES": "STRING",
    "TIMESTAMP": "TIMESTAMP",
    "DATE": "TIMESTAMP",
    "OTHER": "OTHER",
}
_FITTING_RESULTS = {
    "INT": {"INT64", "BOOL", "NULL"},
    "FLOAT": {"INT64", "FLOAT64", "NULL"},
    "BYTES": {"STRING", "INT64", "NULL"},
}


def _text(parameter: str, name: str, kinds: Mapping[str, str]) -> exp.Expr:
    """Give a key or a group as text."""
    kind, column = kinds[name], exp.column(name, quoted=True)
    if kind not in {"INT", "BYTES"}:
        raise InputError(f"{parameter}={name}: is {SAID[kind]} in the source; it must be text or a whole number")
    if kind == "BYTES":
        return column
    return _cast(column, "STRING")


def _group(name: str, kinds: Mapping[str, str]) -> exp.Expr:
    missing = exp.Literal.string(f"column {name!r}: {NO_GROUP}")
    return exp.Coalesce(
        this=_text("group_column", name, kinds), expressions=[exp.Anonymous(this="ERROR", expressions=[missing])]
    )


def _hash(value: exp.Expr) -> exp.Expr:
    return exp.FarmFingerprint(expressions=[value])


def _split(request: RowRequest, *, fold: bool) -> exp.Expr:
    if not fold:
        return exp.Literal.string(next(iter(request.windows)))
    name = _GROUP if request.group_column else KEY
    # ABS outside of MOD: the absolute value of the least INT64 would overflow.
    rest = exp.Abs(this=exp.Mod(this=_hash(exp.column(name, quoted=True)), expression=exp.Literal.number(3)))
    return exp.func("IF", rest > 0, exp.Literal.string("train"), exp.Literal.string("eval"))


def _order() -> exp.Expr:
    return _hash(concat(exp.Literal.string(SALT), _column(KEY)))


def _output(name: str, request: RowRequest, kinds: Mapping[str, str]) -> exp.Expr:
    if name in request.derived:
        return exp.alias_(_derived(name, request, kinds), name, quoted=True)
    if name == request.time_column:
        return exp.alias_(exp.UnixSeconds(this=_column(name)), name, quoted=True)
    return _column(name)


def _derived(name: str, request: RowRequest, kinds: Mapping[str, str]) -> exp.Expr:
    expression, wanted = request.derived[name].copy(), request.types[name]
    columns = {column: _type_in_expressions(column, request, kinds) for column in columns_of(expression)}
    for column in list(expression.find_all(exp.Column)):
        column.set("table", exp.to_identifier("assigned"))
        column.this.set("quoted", True)
    try:
        given = infer_types(expression, columns)
    except InputError as error:
        said = ", ".join(f"{column} is {kind}" for column, kind in sorted(columns.items()))
        raise InputError(
            f"derived_columns[{name!r}]: {error}" + (f" ({said} in this source)" if said else "")
        ) from None
    if given not in _FITTING_RESULTS[wanted]:
        cast = f"; write CAST(… AS {_SQL[wanted]})" if wanted != "INT" or given == "FLOAT64" else ""
        raise InputError(f"derived_columns[{name!r}]: the result is {given}, and the schema says {wanted}{cast}")
    expression.meta[DERIVED] = True
    return expression if given == _SQL[wanted] else _cast(expression, _SQL[wanted])


def _type_in_expressions(name: str, request: RowRequest, kinds: Mapping[str, str]) -> str:
    """Give the type that `_read` gives a column."""
    if name == request.time_column:
        return "TIMESTAMP"
    return _SQL[request.types[name]] if name in request.types else _IN_EXPRESSIONS[kinds[name]]


def _whole(name: str, column: exp.Column) -> exp.Expr:
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


def _parameters(request: RowRequest) -> dict[str, int | datetime]:
    ends = {
        name: end
        for split, window in request.windows.items()
        for name, end in zip(_ends(split), (window.begin, window.end), strict=True)
    }
    return {name: end for name, end in ends.items() if end is not None}


def _ends(split: str) -> tuple[str, str]:
    """Name the parameters of a split's window."""
    prefix = "" if split == "train" else f"{split}_"
    return f"{prefix}ts1", f"{prefix}ts2"


def _within(time: exp.Column, begins: list[str], ends: list[str]) -> list[exp.Expr]:
    """Say that a time is not before the least of some parameters, and before the greatest of others."""
    conditions: list[exp.Expr] = []
    for names, pick, condition in ((begins, "LEAST", exp.GTE), (ends, "GREATEST", exp.LT)):
        if names:
            limit = _parameter(names[0]) if len(names) == 1 else exp.func(pick, *map(_parameter, names))
            conditions.append(condition(this=time.copy(), expression=limit))
    return conditions


def _in_some_window(request: RowRequest) -> list[exp.Expr]:
    """Rule out early, by time alone, what no split wants: a table's partitions, and hashes of keys."""
    time = exp.column(request.time_column, table="source", quoted=True)
    windows = request.windows
    begins = [_ends(split)[0] for split in windows] if all(window.begin for window in windows.values()) else []
    ends = [_ends(split)[1] for split in windows] if all(window.end for window in windows.values()) else []
    return _within(time, begins, ends)


def _in_own_window(request: RowRequest, *, fold: bool) -> list[exp.Expr]:
    """Say which rows are taken of those that lie in some window."""
    if not fold or (len(request.windows) == 2 and all(window.open for window in request.windows.values())):
        return []
    if len(request.windows) == 1:
        return [_column(SPLIT).eq(*request.windows)]
    choices = []
    for split, window in request.windows.items():
        begin, end = _ends(split)
        bounds = _within(_column(request.time_column), [begin] * bool(window.begin), [end] * bool(window.end))
        choices.append(exp.and_(_column(SPLIT).eq(split), *bounds))
    return [exp.or_(*choices)]
