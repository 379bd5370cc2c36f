"""Train the same model on two date windows, and say which one makes the better model for recent trips.

Is it better to train on recent trips only, or on a longer history? ``python -m taxi_pipeline.workflow2`` writes the
package for the Pipelines UI; ``taxi-pipeline run workflow2`` runs that same package on this machine.
"""

from typing import NamedTuple

from kfp import dsl

from components import compare, cross_evaluate, drift, example_gen, plan_windows
from taxi_pipeline.data import SAMPLE
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, LABEL_KEY, RULE_COLUMN, RULE_VALUE, TIME_COLUMN
from taxi_pipeline.steps import deploy, job_name, train_and_evaluate

NAMES = ("window 1", "window 2")


class Outputs(NamedTuple):
    """What the workflow returns: which model is better, by how much, and whether that is more than noise."""

    conclusion: str


@dsl.pipeline(name="workflow2", description="Chicago taxi trips: one model on two date windows.")
def workflow2(
    input_handle_train: str = SAMPLE,
    input_handle_eval: str = SAMPLE,
    ts1_1: str = "2015-01-01",
    ts2_1: str = "2016-01-01",
    ts1_2: str = "2013-01-01",
    ts2_2: str = "2016-01-01",
    eval_ts1: str = "",
    eval_ts2: str = "",
    max_rows: int = 0,
    preprocessing_module: str = "taxi_pipeline.preprocessing2",
    model_module: str = "taxi_pipeline.model",
    eval_config: str = "taxi_pipeline.eval_config",
    train_epochs: int = 8,
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
    """Train one model on two date windows and evaluate both on the same recent trips.

    Windows are half-open and in UTC; times are in any ISO 8601 form. The defaults ask, of the bundled trips, whether
    the year 2015 makes a better model for its second half than the years 2013 to 2015 do.

    Args:
        input_handle_train: Where the train trips are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval trips are; if it is the same as input_handle_train, a hash of the trip's key
            splits the trips, 2/3 to train and 1/3 to eval.
        ts1_1: When the first, recent window of train trips begins (ISO 8601, UTC).
        ts2_1: When the first, recent window of train trips ends, itself excluded (ISO 8601, UTC).
        ts1_2: When the second, longer window of train trips begins (ISO 8601, UTC).
        ts2_2: When the second, longer window of train trips ends, itself excluded (ISO 8601, UTC).
        eval_ts1: When the window of the eval trips begins (ISO 8601, UTC); if it and eval_ts2 are empty, it is the most
            recent half of the first window.
        eval_ts2: When the window of the eval trips ends, itself excluded (ISO 8601, UTC); see eval_ts1 for the default.
        max_rows: How many trips to sample, reproducibly, in each read of a source; 0 reads all.
        preprocessing_module: Path or dotted name of a module that defines `preprocessing_fn`.
        model_module: Path or dotted name of a module that defines `build_model`.
        eval_config: Path or dotted name of the slices, metrics and thresholds of the evaluation.
        train_epochs: How often each of the two models sees the trips of its window; equal for both, because the same
            number of batches would be more epochs of the shorter window.
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
    source = {
        "input_handle_train": input_handle_train,
        "input_handle_eval": input_handle_eval,
        "schema": "taxi_pipeline.schema",
        "key_column": KEY_COLUMN,
        "derived_columns": DERIVED_COLUMNS,
        "time_column": TIME_COLUMN,
        "max_rows": max_rows,
        "project": project,
        "location": location,
        "read_mode": read_mode,
    }
    planned = plan_windows(
        **source, ts1_1=ts1_1, ts2_1=ts2_1, ts1_2=ts1_2, ts2_2=ts2_2, eval_ts1=eval_ts1, eval_ts2=eval_ts2
    )

    def read(name: str, split: str, begin: str, end: str) -> dsl.PipelineTask:
        window = {"ts1": begin, "ts2": end} if split == "train" else {"eval_ts1": begin, "eval_ts2": end}
        reading = example_gen(**source, **window, splits=[split], beam_options=beam_options, job_name=job_name(name))
        return reading.after(planned).set_display_name(name)

    recent = read("eval-trips", "eval", planned.outputs["eval_ts1"], planned.outputs["eval_ts2"])
    training = {
        "model_module": model_module,
        "train_steps": 0,
        "train_epochs": train_epochs,
        "batch_size": batch_size,
        "hyperparameters": hyperparameters,
        "seed": seed,
        "seeds": seeds,
        "workers": workers,
        "pss": pss,
        "train_mode": train_mode,
        "train_job": train_job,
    }
    trained_on, own_eval, variants = [], [], []
    for number, (begin, end) in enumerate(((ts1_1, ts2_1), (ts1_2, ts2_2)), start=1):
        trained_on.append(read(f"train-trips{number}", "train", begin, end).outputs["examples"])
        own_eval.append(read(f"eval-trips-of-window{number}", "eval", begin, end).outputs["examples"])
        variants.append(
            train_and_evaluate(
                number,
                train_examples=trained_on[-1],
                eval_examples=recent.outputs["examples"],
                preprocessing_module=preprocessing_module,
                eval_config=eval_config,
                preprocess_mode=preprocess_mode,
                tfma_mode=tfma_mode,
                beam_options=beam_options,
                training=training,
            )
        )
    drift(baseline=trained_on[1], current=trained_on[0])
    for number, variant in enumerate(variants, start=1):
        deploy(
            number,
            variant,
            examples=recent.outputs["examples"],
            preprocessing_module=preprocessing_module,
            model_module=model_module,
            model_base_path=model_base_path,
            deploy_mode=deploy_mode,
            ml_engine_base_path=ml_engine_base_path,
            project=project,
            region=region,
        )
    compared = compare(
        examples=recent.outputs["examples"],
        evaluation1=variants[0].evaluation,
        evaluation2=variants[1].evaluation,
        name1=NAMES[0],
        name2=NAMES[1],
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
        trainings1=variants[0].trainings,
        trainings2=variants[1].trainings,
    )
    cross_evaluate(
        model1=variants[0].model,
        model2=variants[1].model,
        train_examples1=trained_on[0],
        train_examples2=trained_on[1],
        eval_examples1=own_eval[0],
        eval_examples2=own_eval[1],
        name1=NAMES[0],
        name2=NAMES[1],
        label_key=LABEL_KEY,
    )
    return Outputs(conclusion=compared.outputs["conclusion"])


if __name__ == "__main__":
    from pipeline_tools.cli.compile import compile_main

    compile_main("workflow2", "python -m taxi_pipeline.workflow2")
