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
        input_handle_train: Where the train rows are.
        input_handle_eval: Where the eval rows are.
        schema: Path or dotted name of the schema.
        key_column: Names a row.
        derived_columns: BigQuery expressions of the columns that are computed, by name.
        time_column: What windows are windows of.
        ts1_1: When the first train window begins (ISO 8601, UTC).
        ts2_1: When it is over.
        ts1_2: When the second train window begins.
        ts2_2: When it is over.
        eval_ts1: When the eval window begins; if it and eval_ts2 are empty, the most recent half of the first window.
        eval_ts2: When it is over.
        max_rows: How many rows to take of each source; 0 takes all.
        project: The Google Cloud project that pays for BigQuery's queries.
        location: Where BigQuery runs them.
        read_mode: Who will read the result of BigQuery's query; cloud goes with BigQuery tables only.

    Returns:
        The eval window, and the proof.
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
