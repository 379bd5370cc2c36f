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
    derived_columns: dict = {},  # noqa: B006 - the executor hands over a fresh one
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
    region: str = "",
    temp_location: str = "",
    worker_image: str = "",
    machine_type: str = "",
    max_workers: int = 0,
    network: str = "",
    service_account: str = "",
    labels: dict = {},  # noqa: B006
    beam_runner: str = "",
    beam_flags: list = [],  # noqa: B006
    job_name: str = "",
):
    """Read typed examples from files or BigQuery, describe them, and compare them with their schema.

    Args:
        input_handle_train: Where the train rows are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval rows are. If it means the same, a hash of the key splits, 2/3 to train.
        schema: Path or dotted name of the schema.
        examples: The schema, and a directory a split with Parquet files.
        statistics: statistics.json describes each column of each split.
        anomalies: anomalies.json tells what does not fit the schema.
        key_column: Names a row; if it is empty, or a file lacks it, a hash of the row's content is the key.
        derived_columns: BigQuery expressions of the columns that are computed, by name.
        time_column: What windows are windows of.
        max_rows: How many rows to take of each source, sampled by a hash of the key; 0 takes all.
        ts1: When the window of the train rows begins (ISO 8601, UTC); empty leaves it open.
        ts2: When it is over; this moment itself is not in it.
        eval_ts1: When the window of the eval rows begins.
        eval_ts2: When it is over.
        splits: What to read: train, eval or both.
        project: The Google Cloud project that pays for BigQuery's queries, and for Dataflow.
        location: Where BigQuery runs them; empty leaves it to the table.
        read_mode: Who reads the result of BigQuery's query: local, this step's process, or cloud, a Beam job on
            workers: Dataflow, unless beam_runner names another engine. The parameters below belong to cloud.
        region: Where Dataflow runs the job.
        temp_location: gs://bucket/folder for what the job stages and throws away.
        worker_image: The image of Dataflow's workers; empty for the one that steps run in.
        machine_type: Of Dataflow's workers; empty leaves it to Dataflow.
        max_workers: How many workers at most; 0 leaves it to Dataflow.
        network: Name of the workers' network, or regions/REGION/subnetworks/NAME.
        service_account: What Dataflow's workers run as.
        labels: Of the Dataflow job.
        beam_runner: Another runner's name in Beam, such as FlinkRunner.
        beam_flags: Further Beam flags, --name=value, which win over the parameters.
        job_name: Of the job.
    """
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from components.lib.beam.options import BeamOptions

    options = BeamOptions(
        mode=read_mode,
        mode_parameter="read_mode",
        beam_runner=beam_runner,
        beam_flags=beam_flags,
        project=project,
        region=region,
        temp_location=temp_location,
        worker_image=worker_image,
        machine_type=machine_type,
        max_workers=max_workers,
        network=network,
        service_account=service_account,
        labels=labels,
        job_name=job_name,
    )
    parameters = ReadParameters(
        input_handle_train=input_handle_train,
        input_handle_eval=input_handle_eval,
        schema=schema,
        key_column=key_column,
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
        workers=options,
    )
    examples.metadata.update(
        read_examples(parameters, examples=examples.path, statistics=statistics.path, anomalies=anomalies.path)
    )


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.lib.beam.options import problems_of

    return problems_of(inputs, "read_mode", image)


def _plan(inputs: Mapping[str, Any]) -> Plan:
    from components.example_generation.plan import plan_read
    from components.example_generation.request import ReadParameters

    return Plan(str(plan_read(ReadParameters.from_mapping(inputs))))


REGISTRATION = Registration(factory=example_gen, check=_check, plan=_plan, page=ReadsExamples())
