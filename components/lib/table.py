"""How an application reads the rows of its table, for commands that read rows outside a pipeline.

An application registers its tables, by entry points that name an object of class `RegisteredTable`::

    [project.entry-points."components.tables"]
    trips = "taxi_pipeline.table:TRIPS"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GROUP = "components.tables"
"""Group of the entry points."""


@dataclass(frozen=True)
class RegisteredTable:
    """The parameters of `example_gen` that describe a table.

    Attributes:
        schema: Path or dotted name of the schema.
        key_column: Identifies a row; empty if rows have no key.
        time_column: What windows are windows of; empty if there is none.
        derived_columns: BigQuery expressions of the columns that are computed and not read.
        label_key: Name of the label that a model of this table predicts; empty shows probabilities alone.
    """

    schema: str
    key_column: str = ""
    time_column: str = ""
    derived_columns: Mapping[str, str] = field(default_factory=dict)
    label_key: str = ""
