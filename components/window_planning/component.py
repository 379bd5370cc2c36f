"""The factory of the `plan_windows` step."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp import dsl

from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Plan, Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_windows(
    input_handle_train: str,
    input_handle_eval: str,
    schema: str,
    key_column: str,
    derived_columns: dict,
    time_column: str,
    ts1_1: str,
    ts2_1: str,
    ts1_2: str,
    ts2_2: str,
    eval_ts1: str = "",
    eval_ts2: str = "",
    max_rows: int = 0,
    project: str = "",
    location: str = "",
    read_mode: str = "local",
) -> NamedTuple("Outputs", [("eval_ts1", str), ("eval_ts2", str), ("disjoint", str)]):
    """Check that two train windows and an eval window hold rows, and that no eval row is a train row of either.

    Args:
        input_handle_train: Where the train rows are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval rows are; it may be the same as input_handle_train.
        schema: Path or dotted name of the schema that names and types the columns.
        key_column: Name of the column that identifies a row; empty if there is none.
        derived_columns: Columns that are computed: by name, an expression in BigQuery's SQL.
        time_column: Name of the column with the time of a row, which windows are windows of.
        ts1_1: When the first train window begins (ISO 8601, UTC); empty leaves it open.
        ts2_1: When the first train window ends, itself excluded (ISO 8601, UTC); empty leaves it open.
        ts1_2: When the second train window begins (ISO 8601, UTC); empty leaves it open.
        ts2_2: When the second train window ends, itself excluded (ISO 8601, UTC); empty leaves it open.
        eval_ts1: When the eval window begins (ISO 8601, UTC); if it and eval_ts2 are empty, the most recent half of the
            first window is the eval window.
        eval_ts2: When the eval window ends, itself excluded (ISO 8601, UTC); see eval_ts1 for the default.
        max_rows: How many rows to sample of each source by a hash of the key; 0 reads all.
        project: The Google Cloud project that pays for the queries of BigQuery.
        location: Where BigQuery runs its queries, such as EU; empty leaves it to the table.
        read_mode: What will read the result of BigQuery's query, local or cloud; cloud goes with BigQuery tables only.

    Returns:
        The eval window, and why no eval row is a train row.
    """
    from components.example_generation.request import ReadParameters
    from components.window_planning.plan import plan_windows

    planned = plan_windows(
        ReadParameters(
            input_handle_train=input_handle_train,
            input_handle_eval=input_handle_eval,
            schema=schema,
            key_column=key_column,
            derived_columns=derived_columns,
            time_column=time_column,
            max_rows=max_rows,
            eval_ts1=eval_ts1,
            eval_ts2=eval_ts2,
            project=project,
            location=location,
            read_mode=read_mode,
        ),
        [(ts1_1, ts2_1), (ts1_2, ts2_2)],
    )
    return (planned.eval_ts1, planned.eval_ts2, planned.disjoint)


def _plan(inputs: Mapping[str, Any]) -> Plan:
    from components.example_generation.request import ReadParameters
    from components.window_planning.plan import plan_windows

    windows = [(inputs[f"ts1_{number}"], inputs[f"ts2_{number}"]) for number in (1, 2)]
    planned = plan_windows(ReadParameters.from_mapping(inputs), windows, dry_run=True)
    outputs = {"eval_ts1": planned.eval_ts1, "eval_ts2": planned.eval_ts2, "disjoint": planned.disjoint}
    return Plan("\n\n".join(map(str, planned.queries)), outputs)


REGISTRATION = Registration(factory=plan_windows, plan=_plan)
