"""Train the same model on two feature-engineering variants side by side, and say which variant is better.

``python -m taxi_pipeline.workflow1`` writes the package for the Pipelines UI; ``taxi-pipeline run workflow1`` runs that
same package on this machine.
"""

from typing import NamedTuple

from kfp import dsl

from components import compare, example_gen
from taxi_pipeline.data import SAMPLE
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, LABEL_KEY, RULE_COLUMN, RULE_VALUE, TIME_COLUMN
from taxi_pipeline.steps import deploy, job_name, train_and_evaluate


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
    hyperparameters: dict = {},  # noqa: B006 - a pipeline's defaults are part of its specification
    seed: int = 1,
    seeds: int = 1,
    workers: int = 1,
    pss: int = 0,
    train_mode: str = "local",
    train_job: dict = {},  # noqa: B006
    model_base_path: str = "",
    deploy_mode: str = "local",
    ml_engine_base_path: str = "",
    project: str = "",
    location: str = "",
    region: str = "us-central1",
    read_mode: str = "local",
    preprocess_mode: str = "local",
    tfma_mode: str = "local",
    beam_options: dict = {},  # noqa: B006
) -> Outputs:
    """Train one model on two feature-engineering variants and compare them on the same eval trips.

    Args:
        input_handle_train: Where the train trips are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval trips are; if it is the same as input_handle_train, a hash of the trip's key
            splits the trips, 2/3 to train and 1/3 to eval.
        ts1: The moment (ISO 8601, UTC) from which on trips are read; empty reads the earliest ones, too.
        ts2: The moment (ISO 8601, UTC) before which trips must start; empty reads the latest ones, too.
        max_rows: How many trips to sample, reproducibly, of each source; 0 reads all.
        preprocessing_module1: Path or dotted name of the first variant, a module that defines `preprocessing_fn`.
        preprocessing_module2: Path or dotted name of the second variant, a module that defines `preprocessing_fn`.
        model_module: Path or dotted name of a module that defines `build_model`.
        eval_config: Path or dotted name of the slices, metrics and thresholds of the evaluation.
        train_steps: Number of batches to train each of the two models on.
        batch_size: Number of trips in a batch; of several workers, in the batch of all of them together.
        hyperparameters: Keyword arguments for `build_model` of the model module; of the bundled one hidden_units,
            learning_rate and wide_learning_rate.
        seed: Seed of the initial weights and of the order of the trips.
        seeds: How many times to train each of the two models, with seed, seed + 1 and so on, so that the comparison is
            over seeds, too; the first models are evaluated slice by slice and deployed.
        workers: How many processes train a model together, each on its share of every batch.
        pss: Number of parameter servers, which Keras 3 does not have: must be 0; give workers instead.
        train_mode: Where models are trained: local, by processes of the step, or cloud, by a job on Kubernetes with a
            pod for each worker as train_job says.
        train_job: How the Kubernetes job of train_mode cloud runs, as a mapping with the keys working_dir, kind,
            namespace, worker_image, runtime, service_account, cpu, memory and deadline_seconds.
        model_base_path: Directory or gs:// path under which both models are published, if they are blessed, as the next
            versions of taxi1 and taxi2; empty publishes nothing.
        deploy_mode: How models are published: local writes the directory, cloud also serves them on Kubernetes by
            TF-Serving.
        ml_engine_base_path: A gs:// path by way of which both models are deployed to Vertex AI, if they are blessed;
            empty deploys nothing.
        project: The Google Cloud project of BigQuery's queries and of Vertex AI's endpoints.
        location: Where BigQuery runs its queries, such as EU; empty leaves it to the table.
        region: The region of the Vertex AI endpoints that models are deployed to.
        read_mode: What reads the result of BigQuery's query: local, the process of the step, or cloud, a Beam job on
            workers as beam_options says.
        preprocess_mode: Where the transform graph is fitted and applied: local, in the process of the step, or cloud,
            by a Beam job on workers as beam_options says.
        tfma_mode: Where TFMA evaluates the models: local, in the process of the step, or cloud, by a Beam job on
            workers as beam_options says.
        beam_options: Where the Beam jobs of cloud modes run, as a mapping with the keys runner, flags, project, region,
            temp_location, worker_image, machine_type, max_workers, network, service_account and labels.
    """
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
        project=project,
        location=location,
        read_mode=read_mode,
        beam_options=beam_options,
        job_name=job_name("example-gen"),
    )
    training = {
        "model_module": model_module,
        "train_steps": train_steps,
        "batch_size": batch_size,
        "hyperparameters": hyperparameters,
        "seed": seed,
        "seeds": seeds,
        "workers": workers,
        "pss": pss,
        "train_mode": train_mode,
        "train_job": train_job,
    }
    modules = (preprocessing_module1, preprocessing_module2)
    variants = [
        train_and_evaluate(
            number,
            train_examples=rows.outputs["examples"],
            eval_examples=rows.outputs["examples"],
            preprocessing_module=module,
            eval_config=eval_config,
            preprocess_mode=preprocess_mode,
            tfma_mode=tfma_mode,
            beam_options=beam_options,
            training=training,
        )
        for number, module in enumerate(modules, start=1)
    ]
    for number, (variant, module) in enumerate(zip(variants, modules, strict=True), start=1):
        deploy(
            number,
            variant,
            examples=rows.outputs["examples"],
            preprocessing_module=module,
            model_module=model_module,
            model_base_path=model_base_path,
            deploy_mode=deploy_mode,
            ml_engine_base_path=ml_engine_base_path,
            project=project,
            region=region,
        )
    compared = compare(
        examples=rows.outputs["examples"],
        evaluation1=variants[0].evaluation,
        evaluation2=variants[1].evaluation,
        name1="preprocessing1",
        name2="preprocessing2",
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
        trainings1=variants[0].trainings,
        trainings2=variants[1].trainings,
    )
    return Outputs(conclusion=compared.outputs["conclusion"])


if __name__ == "__main__":
    from pipeline_tools.cli.compile import compile_main

    compile_main("workflow1", "python -m taxi_pipeline.workflow1")
