"""How the trips are read outside a pipeline, for `taxi-pipeline predict`."""

from components.lib.table import RegisteredTable
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, LABEL_KEY, TIME_COLUMN

TRIPS = RegisteredTable("taxi_pipeline.schema", KEY_COLUMN, TIME_COLUMN, DERIVED_COLUMNS, LABEL_KEY)
