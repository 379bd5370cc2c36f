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
    beam_options: dict = {},  # noqa: B006 - a component's defaults are part of its specification
    job_name: str = "",
):
    """Fit a transform graph on the train split only, and apply it to every split.

    Args:
        examples: The typed examples to transform, as example_gen wrote them.
        preprocessing_module: Path or dotted name of a module that defines `preprocessing_fn`.
        transform_graph: The fitted graph with its vocabularies, which `tft.TFTransformOutput` opens.
        transformed_examples: A directory for each split with gzipped TFRecord files of `tf.Example`s.
        preprocess_mode: Where the graph is fitted and applied: local, in the process of this step, or cloud, by a Beam
            job on workers as beam_options says.
        beam_options: Where the Beam job of cloud mode runs, as a mapping with the keys runner, flags, project, region,
            temp_location, worker_image, machine_type, max_workers, network, service_account and labels.
        job_name: Name of the Beam job in cloud mode, by which its engine lists it.
    """
    from components.lib.beam.options import BeamOptions
    from components.transform.preprocess import preprocess

    options = BeamOptions.from_mapping(
        beam_options, mode=preprocess_mode, mode_parameter="preprocess_mode", job_name=job_name
    )
    transformed_examples.metadata.update(
        preprocess(
            options.address(examples),
            preprocessing_module,
            transform_graph=options.address(transform_graph),
            transformed_examples=options.address(transformed_examples),
            options=options,
        )
    )


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.lib.beam.options import check_inputs

    return check_inputs(inputs, "preprocess_mode", image)


REGISTRATION = Registration(factory=tft_preprocess, check=_check)
