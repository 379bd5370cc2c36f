"""Small pipelines whose texts must be the same on this machine, on Argo and in Kubeflow Pipelines. See ../README.md."""

from typing import Optional

from kfp import dsl
from kfp.dsl import OutputPath


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def say(message: str) -> str:
    return message


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def boom() -> str:
    raise RuntimeError("meant to fail")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def after_fail(x: str = "default") -> str:
    return x


@dsl.container_component
def greet(out: OutputPath(str), name: Optional[str] = None):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf "%s," "$@" > "$0"'],
        args=[out, dsl.IfPresentPlaceholder(input_name="name", then=["--name", name], else_=["--anonymous"])],
    )


@dsl.pipeline(name="if-present")
def if_present(name: Optional[str] = None) -> str:
    return greet(name=name).outputs["out"]


@dsl.pipeline(name="ignore-with-data")
def ignore_with_data():
    failed = boom()
    after_fail(x=failed.output).ignore_upstream_failure()


@dsl.pipeline(name="number-in-text")
def number_in_text(rate: float = 20.0) -> str:
    return say(message=f"model-{rate}.bin").output


@dsl.pipeline(name="null-in-text")
def null_in_text(suffix: Optional[str] = None) -> str:
    return say(message=f"model{suffix}").output


@dsl.container_component
def joined(out: OutputPath(str), name: Optional[str] = None):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf "%s," "$@" > "$0"'],
        args=[
            out,
            dsl.ConcatPlaceholder(["x=", dsl.IfPresentPlaceholder(input_name="name", then=name, else_="nobody"), ";"]),
        ],
    )


@dsl.pipeline(name="if-present-in-concat")
def if_present_in_concat(name: Optional[str] = None) -> str:
    return joined(name=name).outputs["out"]


@dsl.container_component
def show_all(
    out: OutputPath(str), text: str, whole: float, small: float, flag: bool, listed: list, table: dict, count: int
):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$0")"; printf "%s|" "$@" > "$0"'],
        args=[out, text, whole, small, flag, listed, table, count],
    )


@dsl.pipeline(name="every-type")
def every_type(
    text: str = "ü <&>",
    whole: float = 20.0,
    small: float = 0.00001,
    flag: bool = True,
    listed: list = [1.0, "a b", 1234567.5],  # noqa: B006 - KFP writes the default into the specification
    table: dict = {"b": {"c": 0.5}, "a": "ü"},  # noqa: B006
    count: int = 3,
) -> str:
    shown = show_all(text=text, whole=whole, small=small, flag=flag, listed=listed, table=table, count=count)
    return say(message=f"{text}|{whole}|{small}|{flag}|{listed}|{table}|{count}|{shown.outputs['out']}").output


@dsl.pipeline(name="null-to-default")
def null_to_default(given: Optional[str] = None) -> str:
    return after_fail(x=given).output
