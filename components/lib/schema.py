"""Load a schema by name, and say what it allows."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.lib.modules import load_text
from pipeline_tools.errors import InputError

RESERVED = ("example_key", "example_split", "example_order")
"""Columns that rows carry beside those of a schema: their key, and while they are read their split and order."""

TYPES = {schema_pb2.INT: "INT", schema_pb2.FLOAT: "FLOAT", schema_pb2.BYTES: "BYTES"}
_DOMAINS = {
    "int_domain": schema_pb2.INT,
    "float_domain": schema_pb2.FLOAT,
    "string_domain": schema_pb2.BYTES,
    "domain": schema_pb2.BYTES,
}


def load_schema(name: str, parameter: str = "schema") -> schema_pb2.Schema:
    """Load a schema and check that it can describe flat rows.

    Args:
        name: Path or ``gs://`` URI of a file in text form (``.pbtxt``, ``.textproto``) or of a ``.py`` file, or dotted
            name of a module; a module holds the text in ``SCHEMA``.
        parameter: The parameter that gave the name; errors mention it.

    Returns:
        The schema, as it was written.

    Raises:
        InputError: No such file or module, no valid schema in it, or one whose columns are not flat; the message
            names the line or the column.
    """
    return parse_schema(load_text(name, "SCHEMA", parameter), f"{parameter}={name}")


def parse_schema(text: str, where: str) -> schema_pb2.Schema:
    """Parse a schema's text form and check it.

    Args:
        text: A ``tensorflow_metadata.v0.Schema`` in protobuf's text format.
        where: What errors begin with.

    Returns:
        The schema.

    Raises:
        InputError: The text is no schema, or its columns are not flat.
    """
    schema = schema_pb2.Schema()
    try:
        text_format.Parse(text, schema)
    except text_format.ParseError as error:
        raise InputError(f"{where}: no valid schema: {error}") from None
    _check(schema, where)
    return schema


def _check(schema: schema_pb2.Schema, where: str) -> None:
    if not schema.feature:
        raise InputError(f"{where}: the schema names no feature; add one `feature {{ name: … type: … }}` a column")
    seen: set[str] = set()
    for feature in schema.feature:
        name = feature.name
        if not name or name in seen:
            raise InputError(f"{where}: " + (f"feature {name!r} appears twice" if name else "a feature has no name"))
        if name in RESERVED:
            raise InputError(f"{where}: feature {name!r} bears a reserved name; rename the column")
        if feature.type not in TYPES:
            raise InputError(f"{where}: feature {name!r} has no usable type; it must be INT, FLOAT or BYTES")
        kind = feature.WhichOneof("domain_info")
        if kind in _DOMAINS and _DOMAINS[kind] != feature.type:
            raise InputError(f"{where}: feature {name!r} is {TYPES[feature.type]} and has a {kind}, which does not fit")
        if kind == "domain" and feature.domain not in {domain.name for domain in schema.string_domain}:
            raise InputError(
                f"{where}: feature {name!r} has domain {feature.domain!r}, which the schema does not define"
            )
        if feature.value_count.max > 1 or feature.HasField("value_counts"):
            raise InputError(
                f"{where}: feature {name!r} has several values a row; every column must be one value a row"
            )
        seen.add(name)


def column_types(schema: schema_pb2.Schema) -> dict[str, str]:
    """Give each column's type.

    Args:
        schema: As `load_schema` returns it.

    Returns:
        ``INT``, ``FLOAT`` or ``BYTES`` by column name, in the schema's order.
    """
    return {feature.name: TYPES[feature.type] for feature in schema.feature}


def allowed_values(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> list[str] | None:
    """Give the values that a text column may have.

    Args:
        schema: Holds the domains that several columns share.
        feature: The column.

    Returns:
        The values; None where any text is allowed.
    """
    kind = feature.WhichOneof("domain_info")
    if kind == "string_domain":
        return list(feature.string_domain.value)
    if kind == "domain":
        return list(next(domain.value for domain in schema.string_domain if domain.name == feature.domain))
    return None


def bounds(feature: schema_pb2.Feature) -> tuple[Any, Any]:
    """Give the least and the greatest value that a number column may have.

    Args:
        feature: The column.

    Returns:
        Two numbers, both allowed; None on a side that is open.
    """
    kind = feature.WhichOneof("domain_info")
    if kind not in {"int_domain", "float_domain"}:
        return None, None
    domain = getattr(feature, kind)
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )
