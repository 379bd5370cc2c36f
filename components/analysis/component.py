"""The factory of the `tfma_analyze` step."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.lib.report.roles import EvaluatesModel
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tfma_analyze(
    examples: Input[Dataset],
    model: Input[Model],
    eval_config: str,
    label_key: str,
    evaluation: Output[Artifact],
    metrics: Output[Metrics],
    classification_metrics: Output[ClassificationMetrics],
    report: Output[HTML],
    rule_column: str = "",
    rule_value: str = "",
    tfma_mode: str = "local",
    project: str = "",
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
) -> NamedTuple("Outputs", [("blessed", bool), ("reason", str)]):
    """Judge a model on the raw eval examples with TFMA, slice by slice.

    Args:
        examples: What example_gen wrote.
        model: A SavedModel with the signatures serving_default and transform_features.
        eval_config: Path or dotted name of a TFMA EvalConfig in text form: slices, metrics, thresholds.
        label_key: The label among the transformed features.
        evaluation: TFMA's result directory, with the predictions and the verdict inside.
        metrics: The scalars over all examples.
        classification_metrics: ROC curve and confusion matrix, which the Pipelines UI draws.
        report: The analysis as one HTML file that needs no network.
        rule_column: A raw column; the rule that serves as a baseline beside the more frequent label predicts label 1
            where it has rule_value. Empty for no such rule.
        rule_value: See rule_column.
        tfma_mode: local, in this step's process, or cloud, by a Beam job on workers: Dataflow, unless beam_runner
            names another engine. The parameters below belong to cloud.
        project: The Google Cloud project that pays for Dataflow.
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

    Returns:
        Whether the model is blessed, and why.
    """
    from components.analysis.analyze import analyze
    from components.lib.beam.options import BeamOptions

    options = BeamOptions(
        mode=tfma_mode,
        mode_parameter="tfma_mode",
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
    found = analyze(
        options.place(examples),
        options.place(model),
        eval_config,
        label_key=label_key,
        evaluation=options.place(evaluation),
        report=report.path,
        rule_column=rule_column,
        rule_value=rule_value,
        options=options,
    )
    metrics.metadata.update(found["metrics"])
    if "roc" in found:
        classification_metrics.log_roc_curve(**found["roc"])
        classification_metrics.log_confusion_matrix(["0", "1"], found["confusion_matrix"])
    return (found["verdict"].blessed, found["verdict"].reason)


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.lib.beam.options import problems_of

    return problems_of(inputs, "tfma_mode", image)


REGISTRATION = Registration(factory=tfma_analyze, check=_check, page=EvaluatesModel())
