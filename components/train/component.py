"""The factory of the `train` step."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    examples: Input[Dataset],
    transformed_examples: Input[Dataset],
    transform_graph: Input[Artifact],
    model_module: str,
    label_key: str,
    model: Output[Model],
    metrics: Output[Metrics],
    train_steps: int = 1000,
    batch_size: int = 40,
    hidden_units: list = [100, 70, 50, 25],  # noqa: B006 - a component's defaults are part of its specification
    learning_rate: float = 0.02,
    wide_learning_rate: float = 0.02,
    seed: int = 1,
):
    """Train a model on transformed examples and export it as a SavedModel that takes raw rows.

    Args:
        examples: What example_gen wrote; its schema says what the model is served with.
        transformed_examples: What tft_preprocess wrote.
        transform_graph: What tft_preprocess wrote.
        model_module: Path or dotted name of a module with `build_model`.
        label_key: The label among the transformed features.
        model: A SavedModel with the signatures serving_default, serving_raw and transform_features.
        metrics: Loss on the train split; log loss, accuracy and AUC on the eval split.
        train_steps: Number of batches to train on.
        batch_size: Examples a batch.
        hidden_units: Units of each hidden layer.
        learning_rate: Of the deep part.
        wide_learning_rate: Of the wide part.
        seed: Of the initial weights and of the order of examples.
    """
    from components.train.fit import fit

    values = fit(
        examples.path,
        transformed_examples.path,
        transform_graph.path,
        model_module,
        label_key=label_key,
        model=model.path,
        train_steps=train_steps,
        batch_size=batch_size,
        hidden_units=hidden_units,
        learning_rate=learning_rate,
        wide_learning_rate=wide_learning_rate,
        seed=seed,
    )
    metrics.metadata.update(values)
    model.metadata["framework"] = "tensorflow"
