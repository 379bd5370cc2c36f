"""A step knows the image that its package was compiled with: workers that it starts run in it, too."""

from pathlib import Path

from kfp import dsl

from pipeline_tools.compiler import compile_package
from pipeline_tools.image import IMAGE
from pipeline_tools.local import run


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def launch() -> str:
    from pipeline_tools.image import step_image

    return step_image()


@dsl.pipeline(name="launches")
def launches() -> str:
    return launch().output


def test_a_step_finds_the_image_of_its_package(tmp_path: Path) -> None:
    plain = compile_package(launches, tmp_path / "plain.tar.gz")
    other = compile_package(launches, tmp_path / "other.tar.gz", image="registry.example/trips:7")
    assert run(plain, run_dir=tmp_path / "plain").outputs == {"Output": IMAGE}
    assert run(other, run_dir=tmp_path / "other").outputs == {"Output": "registry.example/trips:7"}
