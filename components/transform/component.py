"""The factory of the `tft_preprocess` step."""

from collections.abc import Iterable, Mapping
from typing import Any

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tft_preprocess(
    examples: Input[Dataset],
    preprocessing_module: str,
    transform_graph: Output[Artifact],
    transformed_examples: Output[Dataset],
    preprocess_mode: str = "local",
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
):
    """Fit a transform graph on the train split only, and apply it to every split.

    Args:
        examples: What example_gen wrote.
        preprocessing_module: Path or dotted name of a module with `preprocessing_fn`.
        transform_graph: What `tft.TFTransformOutput` opens.
        transformed_examples: A directory a split, with gzipped TFRecord files of `tf.Example`s.
        preprocess_mode: local, in this step's process, or cloud, by a Beam job on workers: Dataflow, unless beam_runner
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
    """
    from components.lib.beam.options import BeamOptions
    from components.transform.preprocess import preprocess

    options = BeamOptions(
        mode=preprocess_mode,
        mode_parameter="preprocess_mode",
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
    transformed_examples.metadata.update(
        preprocess(
            options.place(examples),
            preprocessing_module,
            transform_graph=options.place(transform_graph),
            transformed_examples=options.place(transformed_examples),
            options=options,
        )
    )


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.lib.beam.options import problems_of

    return problems_of(inputs, "preprocess_mode", image)


REGISTRATION = Registration(factory=tft_preprocess, check=_check)
