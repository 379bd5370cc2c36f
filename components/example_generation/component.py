"""The factory of the `example_gen` step."""

from collections.abc import Iterable, Mapping
from typing import Any

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Output

from components.lib.report.roles import ReadsExamples
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Plan, Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def example_gen(
    input_handle_train: str,
    input_handle_eval: str,
    schema: str,
    examples: Output[Dataset],
    statistics: Output[Artifact],
    anomalies: Output[Artifact],
    key_column: str = "",
    group_column: str = "",
    derived_columns: dict = {},  # noqa: B006 - a component's defaults are part of its specification
    time_column: str = "",
    max_rows: int = 0,
    ts1: str = "",
    ts2: str = "",
    eval_ts1: str = "",
    eval_ts2: str = "",
    splits: list = ["train", "eval"],  # noqa: B006
    project: str = "",
    location: str = "",
    read_mode: str = "local",
    beam_options: dict = {},  # noqa: B006
    job_name: str = "",
):
    """Read typed examples from files or BigQuery, describe them, and compare them with their schema.

    Args:
        input_handle_train: Where the train rows are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval rows are; if it means the same as input_handle_train, a hash of the key splits
            the rows, 2/3 to train.
        schema: Path or dotted name of the schema that names and types the columns.
        examples: The schema, and a directory for each split with Parquet files.
        statistics: A directory with statistics.json, which describes each column of each split.
        anomalies: A directory with anomalies.json, which names what does not fit the schema.
        key_column: Name of the column that identifies a row; where it is empty, a row of files is known by its content.
        group_column: Name of a column whose equal values keep rows in one split, where both handles mean the same;
            empty splits by the key.
        derived_columns: Columns that are computed: by name, an expression in BigQuery's SQL.
        time_column: Name of the column with the time of a row, which windows are windows of.
        max_rows: How many rows to sample of each source by a hash of the key; 0 reads all.
        ts1: When the window of the train rows begins (ISO 8601, UTC); empty leaves it open.
        ts2: When the window of the train rows ends, itself excluded (ISO 8601, UTC); empty leaves it open.
        eval_ts1: When the window of the eval rows begins (ISO 8601, UTC); empty leaves it open.
        eval_ts2: When the window of the eval rows ends, itself excluded (ISO 8601, UTC); empty leaves it open.
        splits: Which splits to read, as a list: train, eval or both of them.
        project: The Google Cloud project that pays for the queries of BigQuery.
        location: Where BigQuery runs its queries, such as EU; empty leaves it to the table.
        read_mode: What reads the result of BigQuery's query: local, the process of this step, or cloud, a Beam job on
            workers as beam_options says.
        beam_options: Where the Beam job of cloud mode runs, as a mapping with the keys runner, flags, project, region,
            temp_location, worker_image, machine_type, max_workers, network, service_account and labels.
        job_name: Name of the Beam job in cloud mode, by which its engine lists it.
    """
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from components.lib.beam.options import BeamOptions

    parameters = ReadParameters(
        input_handle_train=input_handle_train,
        input_handle_eval=input_handle_eval,
        schema=schema,
        key_column=key_column,
        group_column=group_column,
        derived_columns=derived_columns,
        time_column=time_column,
        max_rows=max_rows,
        ts1=ts1,
        ts2=ts2,
        eval_ts1=eval_ts1,
        eval_ts2=eval_ts2,
        splits=splits,
        project=project,
        location=location,
        read_mode=read_mode,
        workers=BeamOptions.from_mapping(beam_options, mode=read_mode, mode_parameter="read_mode", job_name=job_name),
    )
    examples.metadata.update(
        read_examples(parameters, examples=examples.path, statistics=statistics.path, anomalies=anomalies.path)
    )


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.lib.beam.options import check_inputs

    return check_inputs(inputs, "read_mode", image)


def _plan(inputs: Mapping[str, Any]) -> Plan:
    from components.example_generation.plan import plan_read
    from components.example_generation.request import ReadParameters

    return Plan(str(plan_read(ReadParameters.from_mapping(inputs))))


REGISTRATION = Registration(factory=example_gen, check=_check, plan=_plan, page=ReadsExamples())
