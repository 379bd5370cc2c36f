"""The factory of the `tft_preprocess` step."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tft_preprocess(
    examples: Input[Dataset],
    preprocessing_module: str,
    transform_graph: Output[Artifact],
    transformed_examples: Output[Dataset],
):
    """Fit a transform graph on the train split only, and apply it to every split.

    Args:
        examples: What example_gen wrote.
        preprocessing_module: Path or dotted name of a module with `preprocessing_fn`.
        transform_graph: What `tft.TFTransformOutput` opens.
        transformed_examples: A directory a split, with gzipped TFRecord files of `tf.Example`s.
    """
    from components.tft_preprocess.preprocess import preprocess

    transformed_examples.metadata.update(
        preprocess(
            examples.path,
            preprocessing_module,
            transform_graph=transform_graph.path,
            transformed_examples=transformed_examples.path,
        )
    )
