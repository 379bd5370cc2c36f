"""One variant of a workflow, whose Beam work goes where the parameters say."""

from kfp import dsl

from components import example_gen
from taxi_pipeline.data import SAMPLE
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN
from taxi_pipeline.steps import job_name, train_and_evaluate


@dsl.pipeline(name="one-variant")
def one_variant(
    mode: str = "local",
    beam_options: dict = {},  # noqa: B006
    max_rows: int = 1000,
):
    """Read, transform, train, evaluate.

    Args:
        mode: Of transform and analysis.
        beam_options: Of both.
        max_rows: How many trips to read.
    """
    rows = example_gen(
        input_handle_train=SAMPLE,
        input_handle_eval=SAMPLE,
        schema="taxi_pipeline.schema",
        key_column=KEY_COLUMN,
        derived_columns=DERIVED_COLUMNS,
        time_column=TIME_COLUMN,
        max_rows=max_rows,
        job_name=job_name("example-gen"),
    )
    train_and_evaluate(
        1,
        train_examples=rows.outputs["examples"],
        eval_examples=rows.outputs["examples"],
        preprocessing_module="taxi_pipeline.preprocessing",
        eval_config="taxi_pipeline.eval_config",
        training={"model_module": "taxi_pipeline.model", "train_steps": 20},
        preprocess_mode=mode,
        tfma_mode=mode,
        beam_options=beam_options,
    )
