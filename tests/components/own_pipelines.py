"""Pipelines of a user's own components whose names happen to be those that our components use."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Output

from components import train


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def fine_tune(train_mode: str = "lora", workers: int = 3, batch_size: int = 40) -> str:
    return f"{train_mode} {workers} {batch_size}"


@dsl.pipeline(name="own-train-mode")
def own_train_mode() -> str:
    return fine_tune().output


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def my_read(path: str, schema: str, examples: Output[Dataset]):
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters

    read_examples(
        ReadParameters(input_handle_train=path, input_handle_eval=path, schema=schema),
        examples=examples.path,
        statistics=examples.path + "-s",
        anomalies=examples.path + "-a",
    )


@dsl.pipeline(name="own-reader")
def own_reader(path: str, schema: str):
    my_read(path=path, schema=schema)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mine(comparison: Output[Artifact], evaluation: Output[Artifact], statistics: Output[Artifact]):
    from pathlib import Path

    for made in (comparison, evaluation, statistics):
        Path(made.path).mkdir(parents=True)
        Path(made.path, "table.csv").write_text("a,b\n")


@dsl.pipeline(name="own-comparison")
def own_comparison():
    mine()


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def launch(worker_image: str = "", read_mode: str = "fast", beam_runner: str = "") -> str:
    return worker_image or "none: run here"


@dsl.pipeline(name="own-worker-image")
def own_worker_image() -> str:
    return launch().output


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def make(examples: Output[Dataset]):
    pass


@dsl.pipeline(name="ours-and-own")
def ours_and_own(worker_image: str = "", train_mode: str = "local"):
    """Our `train`, with resources, environment and image of the author's own, beside a component of the author's."""
    launch(worker_image=worker_image)
    made = make().outputs["examples"]
    ours = train(
        examples=made,
        transformed_examples=made,
        transform_graph=made,
        model_module="m",
        label_key="l",
        train_mode=train_mode,
    )
    ours.set_cpu_limit("2").set_env_variable("A", "b").set_container_image("registry.example/mine:1")
