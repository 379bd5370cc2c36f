"""KFP's documented placeholder ``artifact.metadata['key']``, which endpoint components of Google Cloud use."""

from kfp import dsl
from kfp.dsl import Input, Model, Output, OutputPath


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def make(model: Output[Model]):
    model.metadata["resourceName"] = "projects/1/models/2"
    model.metadata["rows"] = 3
    with open(model.path, "w") as f:  # noqa: PTH123
        f.write("x")


@dsl.container_component
def show(model: Input[Model], out: OutputPath(str)):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c"],
        args=[
            'mkdir -p "$(dirname $1)"; printf "%s %s" "$0" "$2" > "$1"',
            model.metadata["resourceName"],
            out,
            model.metadata["rows"],
        ],
    )


@dsl.container_component
def show_missing(model: Input[Model], out: OutputPath(str)):
    return dsl.ContainerSpec(image="alpine", command=["echo"], args=[model.metadata["nothing"], out])


@dsl.pipeline(name="metadata-placeholder")
def p() -> str:
    return show(model=make().outputs["model"]).outputs["out"]


@dsl.pipeline(name="metadata-missing")
def missing():
    show_missing(model=make().outputs["model"])
