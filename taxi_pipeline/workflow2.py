"""Train the same model on two date windows, and say which one makes the better model for recent trips.

Is it better to train on recent trips only, or on a longer history? ``python -m taxi_pipeline.workflow2`` writes the
package for the Pipelines UI; ``taxi-pipeline run workflow2`` runs that same package on this machine.
"""

from typing import NamedTuple

from kfp import dsl

from components import compare, cross_evaluate, drift, example_gen, plan_windows
from taxi_pipeline.data import SAMPLE
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, LABEL_KEY, RULE_COLUMN, RULE_VALUE, TIME_COLUMN
from taxi_pipeline.steps import BEAM, DEPLOYMENT, TRAINING, deploy, job_name, take, train_and_judge

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
    """Train one model on two date windows and judge both on the same recent trips.

    Windows are half-open and in UTC; times are in any ISO 8601 form. The defaults ask, of the bundled trips, whether
    the year 2015 makes a better model for its second half than the years 2013 to 2015 do.

    Args:
        input_handle_train: Where the train trips are: CSV or Parquet files (path or glob), a BigQuery table, a sample.
        input_handle_eval: Where the eval trips are. If it is the same, a hash of the trip's key splits them, 2/3 to
            train and 1/3 to eval.
        ts1_1: When the first, recent window of train trips begins.
        ts2_1: When it is over.
        ts1_2: When the second, longer window of train trips begins.
        ts2_2: When it is over.
        eval_ts1: When the window of the eval trips begins; if it and eval_ts2 are empty, it is the most recent half
            of the first window.
        eval_ts2: When it is over.
        max_rows: Take a reproducible sample of this many trips in each read; 0 takes all.
        preprocessing_module: Path or dotted name of a module with `preprocessing_fn`.
        model_module: Path or dotted name of a module with `build_model`.
        eval_config: Path or dotted name of slices, metrics and thresholds.
        train_steps: Number of batches to train on, for each window.
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
        reading = {**source, **beam, "splits": [split], "job_name": job_name(name), **window}
        return example_gen(**reading).after(planned).set_display_name(name)

    recent = read("eval-trips", "eval", planned.outputs["eval_ts1"], planned.outputs["eval_ts2"])
    training = take(parameters, TRAINING)
    trained_on, own_eval, branches = [], [], []
    for number, (begin, end) in enumerate(((ts1_1, ts2_1), (ts1_2, ts2_2)), start=1):
        trained_on.append(read(f"train-trips{number}", "train", begin, end).outputs["examples"])
        own_eval.append(read(f"eval-trips-of-window{number}", "eval", begin, end).outputs["examples"])
        branches.append(
            train_and_judge(
                number,
                train_examples=trained_on[-1],
                eval_examples=recent.outputs["examples"],
                preprocessing_module=preprocessing_module,
                eval_config=eval_config,
                training=training,
                beam={**beam, "preprocess_mode": preprocess_mode, "tfma_mode": tfma_mode},
            )
        )
    drift(baseline=trained_on[1], current=trained_on[0])
    for number, branch in enumerate(branches, start=1):
        deploy(
            number,
            branch,
            examples=recent.outputs["examples"],
            preprocessing_module=preprocessing_module,
            parameters=take(parameters, DEPLOYMENT),
        )
    compared = compare(
        examples=recent.outputs["examples"],
        evaluation1=branches[0].evaluation,
        evaluation2=branches[1].evaluation,
        name1=NAMES[0],
        name2=NAMES[1],
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
    )
    cross_evaluate(
        model1=branches[0].model,
        model2=branches[1].model,
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
