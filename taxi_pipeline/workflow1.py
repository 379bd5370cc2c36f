"""Train the same model on two feature-engineering variants side by side, and say which variant is better.

``python -m taxi_pipeline.workflow1`` writes the package for the Pipelines UI; ``taxi-pipeline run workflow1`` runs that
same package on this machine.
"""

from typing import NamedTuple

from kfp import dsl

from components import compare, example_gen
from taxi_pipeline.data import SAMPLE
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, LABEL_KEY, RULE_COLUMN, RULE_VALUE, TIME_COLUMN
from taxi_pipeline.steps import BEAM, DEPLOYMENT, TRAINING, deploy, job_name, take, train_and_judge


class Outputs(NamedTuple):
    """What the workflow returns: which model is better, by how much, and whether that is more than noise."""

    conclusion: str


@dsl.pipeline(name="workflow1", description="Chicago taxi trips: one model on two feature-engineering variants.")
def workflow1(
    input_handle_train: str = SAMPLE,
    input_handle_eval: str = SAMPLE,
    ts1: str = "",
    ts2: str = "",
    max_rows: int = 0,
    preprocessing_module1: str = "taxi_pipeline.preprocessing",
    preprocessing_module2: str = "taxi_pipeline.preprocessing2",
    model_module: str = "taxi_pipeline.model",
    eval_config: str = "taxi_pipeline.eval_config",
    train_steps: int = 1000,
    batch_size: int = 40,
    hidden_units: list = [100, 70, 50, 25],  # noqa: B006 - a pipeline's defaults are part of its specification
    learning_rate: float = 0.02,
    wide_learning_rate: float = 0.02,
    seed: int = 1,
    workers: int = 1,
    pss: int = 0,
    train_mode: str = "local",
    train_namespace: str = "default",
    train_service_account: str = "",
    model_base_path: str = "",
    deploy_mode: str = "local",
    ml_engine_base_path: str = "",
    project: str = "",
    location: str = "",
    region: str = "us-central1",
    read_mode: str = "local",
    preprocess_mode: str = "local",
    tfma_mode: str = "local",
    working_dir: str = "",
    worker_image: str = "",
    machine_type: str = "",
    max_workers: int = 0,
    network: str = "",
    service_account: str = "",
    labels: dict = {},  # noqa: B006
    beam_runner: str = "",
    beam_flags: list = [],  # noqa: B006
) -> Outputs:
    """Train one model on two feature-engineering variants and compare them on the same eval trips.

    Args:
        input_handle_train: Where the train trips are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval trips are. If it is the same, a hash of the trip's key splits them, 2/3 to
            train and 1/3 to eval.
        ts1: Take trips that start at this moment (ISO 8601, UTC) or later; empty takes all.
        ts2: Take trips that start before this moment; empty takes all.
        max_rows: Take a reproducible sample of this many trips from each source; 0 takes all.
        preprocessing_module1: Path or dotted name of the first variant, a module with `preprocessing_fn`.
        preprocessing_module2: The same of the second variant.
        model_module: Path or dotted name of a module with `build_model`.
        eval_config: Path or dotted name of slices, metrics and thresholds.
        train_steps: Number of batches to train on, for each variant.
        batch_size: Trips a batch.
        hidden_units: Units of each hidden layer of the deep part.
        learning_rate: Of the deep part.
        wide_learning_rate: Of the wide part.
        seed: Of the initial weights and of the order of trips.
        workers: How many processes train a model together, each on its share of every batch.
        pss: Parameter servers. Keras 3 has none: must be 0.
        train_mode: Where models are trained: local, by processes of the step, or cloud, by a job on Kubernetes with a
            pod for each worker.
        train_namespace: In cloud mode, where the job runs.
        train_service_account: In cloud mode, the pods' Kubernetes service account, which must be allowed to use
            working_dir.
        model_base_path: Publish both models, if they are blessed, as the next versions under this directory or gs://
            path, as taxi1 and taxi2; empty publishes nothing.
        deploy_mode: How to publish them: local writes the directory, cloud serves them on Kubernetes by TF-Serving.
        ml_engine_base_path: Deploy both models, if they are blessed, to Vertex AI by way of this gs:// path; empty
            deploys nothing.
        project: The Google Cloud project of BigQuery's queries, of Dataflow and of Vertex AI.
        location: Where BigQuery runs its queries.
        region: Of Dataflow's jobs and Vertex AI's endpoints.
        read_mode: Who reads the result of BigQuery's query: local, the process of the step, or cloud, a Beam job.
        preprocess_mode: Where the transform graph is fitted and applied: local, in the process of the step, or cloud,
            by a Beam job on workers: Dataflow, unless beam_runner names another engine.
        tfma_mode: Where TFMA judges the models: likewise.
        working_dir: gs://bucket/folder for what jobs stage and throw away.
        worker_image: The image of Dataflow's workers and of pods that train; empty for the one that steps run in.
        machine_type: Of Dataflow's workers; empty leaves it to Dataflow.
        max_workers: How many workers a job has at most; 0 leaves it to Dataflow.
        network: Name of the workers' network, or regions/REGION/subnetworks/NAME.
        service_account: What Dataflow's workers run as.
        labels: Of Dataflow's jobs.
        beam_runner: Another runner's name in Beam, such as FlinkRunner.
        beam_flags: Further Beam flags, --name=value, which win over the parameters.
    """
    parameters = locals()  # as long as there are no others
    beam = take(parameters, BEAM)
    rows = example_gen(
        input_handle_train=input_handle_train,
        input_handle_eval=input_handle_eval,
        schema="taxi_pipeline.schema",
        key_column=KEY_COLUMN,
        derived_columns=DERIVED_COLUMNS,
        time_column=TIME_COLUMN,
        max_rows=max_rows,
        ts1=ts1,
        ts2=ts2,
        eval_ts1=ts1,
        eval_ts2=ts2,
        location=location,
        read_mode=read_mode,
        job_name=job_name("example-gen"),
        **beam,
    )
    training = take(parameters, TRAINING)
    modules = (preprocessing_module1, preprocessing_module2)
    branches = [
        train_and_judge(
            number,
            train_examples=rows.outputs["examples"],
            eval_examples=rows.outputs["examples"],
            preprocessing_module=module,
            eval_config=eval_config,
            training=training,
            beam={**beam, "preprocess_mode": preprocess_mode, "tfma_mode": tfma_mode},
        )
        for number, module in enumerate(modules, start=1)
    ]
    for number, branch in enumerate(branches, start=1):
        deploy(
            number,
            branch,
            examples=rows.outputs["examples"],
            preprocessing_module=modules[number - 1],
            parameters=take(parameters, DEPLOYMENT),
        )
    compared = compare(
        examples=rows.outputs["examples"],
        evaluation1=branches[0].evaluation,
        evaluation2=branches[1].evaluation,
        name1="preprocessing1",
        name2="preprocessing2",
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
    )
    return Outputs(conclusion=compared.outputs["conclusion"])


if __name__ == "__main__":
    from pipeline_tools.cli.compile import compile_main

    compile_main("workflow1", "python -m taxi_pipeline.workflow1")
