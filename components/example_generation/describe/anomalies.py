"""Find what in written examples does not fit their schema."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
from tensorflow_metadata.proto.v0 import schema_pb2

from components.example_generation.query.dialect import own_files, quote_name, split_pattern
from components.example_generation.query.selection import KEY
from components.lib.schema import allowed_values, bounds

SHOWN = 5
_NOT_FINITE = {"FLOAT_TYPE_HAS_NAN": "disallow_nan", "FLOAT_TYPE_HAS_INF": "disallow_inf"}


@dataclass(frozen=True)
class Anomaly:
    """One way in which a column of a split does not fit.

    Attributes:
        kind: A name of ``AnomalyInfo.Type`` in ``tensorflow_metadata``.
        message: What a person reads.
        fatal: Whether these examples must not be used.
        count: Rows concerned.
        values: Some of the values, the most frequent first.
        keys: The key of a row for each of the values.
    """

    kind: str
    message: str
    fatal: bool
    count: int
    values: tuple[Any, ...] = ()
    keys: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give what `anomalies.json` holds of it.

        Returns:
            Its fields; values that JSON lacks as text.
        """
        values = [
            value if not isinstance(value, float) or math.isfinite(value) else str(value) for value in self.values
        ]
        return {**asdict(self), "values": values, "keys": list(self.keys)}


def find_anomalies(
    connection: duckdb.DuckDBPyConnection,
    examples: Path,
    schema: schema_pb2.Schema,
    statistics: Mapping[str, Any],
) -> dict[str, dict[str, list[Anomaly]]]:
    """Compare every column of every split with the schema.

    NaN and infinity are fatal, unless the feature's ``float_domain`` says ``disallow_nan: false`` or
    ``disallow_inf: false``. Any other value outside its domain is fatal, unless the feature's
    ``distribution_constraints.min_domain_mass`` allows the share of such values. So is a share of missing values beyond
    ``presence.min_fraction``. Fewer values than ``presence.min_count`` are reported only: in a sample a rare column may
    well be empty.

    Args:
        connection: Any.
        examples: Directory of an `examples` artifact.
        schema: What the columns should be.
        statistics: As `describe_splits` returns it; a column it clears is not read again.

    Returns:
        Anomalies by split and column; columns without any are left out.
    """
    found: dict[str, dict[str, list[Anomaly]]] = {}
    for split, described in statistics.items():
        files = split_pattern(examples, split)
        found[split] = {}
        for feature in schema.feature:
            column = described["columns"][feature.name]
            anomalies = [
                *_presence(feature, column, described["rows"]),
                *_domain(connection, files, schema, feature, column),
            ]
            if anomalies:
                found[split][feature.name] = anomalies
    return found


def _presence(feature: schema_pb2.Feature, column: Mapping[str, Any], rows: int) -> Iterator[Anomaly]:
    least, share = feature.presence.min_count, feature.presence.min_fraction
    present = column["count"]
    if present < least:
        message = f"{present} of {rows} rows have a value; the schema expects at least {least}"
        yield Anomaly("FEATURE_TYPE_LOW_NUMBER_PRESENT", message, fatal=False, count=rows - present)
    if rows and present / rows < share:
        message = f"{present} of {rows} rows have a value; the schema demands a share of at least {share:g}"
        yield Anomaly("FEATURE_TYPE_LOW_FRACTION_PRESENT", message, fatal=True, count=rows - present)


def _domain(
    connection: duckdb.DuckDBPyConnection,
    files: str,
    schema: schema_pb2.Schema,
    feature: schema_pb2.Feature,
    column: Mapping[str, Any],
) -> Iterator[Anomaly]:
    constraints = feature.distribution_constraints
    mass = constraints.min_domain_mass if feature.HasField("distribution_constraints") else 1.0
    name = quote_name(feature.name)
    for kind, condition, allowed, parameters in _rules(schema, feature, column):
        rows = connection.execute(
            f"SELECT {name}, count(*), min({KEY}) FROM {own_files('$files')} WHERE {condition.format(x=name)} "
            "GROUP BY ALL ORDER BY 2 DESC, 1",
            {"files": files, **parameters},
        ).fetchall()
        if not rows:
            continue
        count = sum(row[1] for row in rows)
        shown = rows[:SHOWN]
        message = f"{count} row{'s' * (count > 1)} outside of {allowed}: " + ", ".join(
            f"{value!r} ({times} times, for example in the row with key {key})" for value, times, key in shown
        )
        if kind in _NOT_FINITE:
            message += f"; leave the value out, or allow it by float_domain {{ {_NOT_FINITE[kind]}: false }}"
        yield Anomaly(
            kind,
            message,
            fatal=kind in _NOT_FINITE or 1 - count / column["count"] < mass,
            count=count,
            values=tuple(row[0] for row in shown),
            keys=tuple(row[2] for row in shown),
        )


def _rules(
    schema: schema_pb2.Schema, feature: schema_pb2.Feature, column: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield kind, condition, what is allowed, and parameters of the rules that the statistics do not clear."""
    allowed = allowed_values(schema, feature)
    if allowed is not None:
        known = set(allowed)
        if column["unique"] > len(column["top"]) or any(entry["value"] not in known for entry in column["top"]):
            said = f"the {len(allowed)} values of its domain ({', '.join(map(repr, allowed[:SHOWN]))}"
            said += ", …)" if len(allowed) > SHOWN else ")"
            yield (
                "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
                "{x} NOT IN (SELECT unnest($allowed))",
                said,
                {"allowed": allowed},
            )
        return
    if feature.type == schema_pb2.BYTES:
        return
    least, greatest = bounds(feature)
    type_ = "INT" if feature.type == schema_pb2.INT else "FLOAT"
    # A bound is compared as the 32-bit float that the values are, or 0.1 itself would lie outside of [0, 0.1].
    cast = "BIGINT" if type_ == "INT" else "FLOAT"
    # The statistics clear most columns; they leave out infinite values, which lie outside of any bound.
    infinite = column["not_finite"] > 0
    if least is not None and (infinite or (column["min"] is not None and column["min"] < least)):
        kind = "INT_TYPE_SMALL_INT" if type_ == "INT" else "FLOAT_TYPE_SMALL_FLOAT"
        yield kind, f"NOT isnan({{x}}::DOUBLE) AND {{x}} < $least::{cast}", f"[{least:g}, …", {"least": least}
    if greatest is not None and (infinite or (column["max"] is not None and column["max"] > greatest)):
        kind = "INT_TYPE_BIG_INT" if type_ == "INT" else "FLOAT_TYPE_BIG_FLOAT"
        yield (
            kind,
            f"NOT isnan({{x}}::DOUBLE) AND {{x}} > $greatest::{cast}",
            f"…, {greatest:g}]",
            {"greatest": greatest},
        )
    if infinite and feature.type == schema_pb2.FLOAT:
        # Unless the schema says otherwise: training and evaluation would fail on such a value, or learn nothing.
        if not _allowed(feature.float_domain, "disallow_nan"):
            yield "FLOAT_TYPE_HAS_NAN", "isnan({x})", "the numbers (NaN is none)", {}
        if not _allowed(feature.float_domain, "disallow_inf"):
            yield "FLOAT_TYPE_HAS_INF", "isinf({x})", "the finite numbers", {}


def _allowed(domain: schema_pb2.FloatDomain, field: str) -> bool:
    return domain.HasField(field) and not getattr(domain, field)
