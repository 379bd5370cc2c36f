"""`taxi-pipeline run`."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

    from pipeline_tools.local.launcher import Isolation
    from pipeline_tools.runs.result import RunResult

_PIPE_WIDTH = 160


@click.command("run")
@click.argument("workflow", required=False, default="")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option(
    "--params-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML or JSON file with parameters; --param takes precedence.",
)
@click.option(
    "--run-dir",
    metavar="DIRECTORY",
    help="New or empty directory for the run, or gs://bucket/folder. Default: runs/WORKFLOW-TIME-ID.",
)
@click.option(
    "--parallelism", type=click.IntRange(min=1), help="Maximum number of concurrent steps. Default: the number of CPUs."
)
@click.option(
    "--isolation",
    type=click.Choice(["fork", "process"]),
    help="Fork steps from a process with all imports done, or start a process for each. Default: fork on Linux.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print run.json to standard output, everything else to standard error."
)
@click.option(
    "--resume",
    metavar="RUN_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Go on with a run that failed, was interrupted or was killed: steps that succeeded are kept.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be read, with BigQuery's bytes; run nothing.")
@click.pass_context
def run_command(
    ctx: click.Context,
    workflow: str,
    params: tuple[str, ...],
    params_file: Path | None,
    run_dir: str | None,
    parallelism: int | None,
    isolation: Isolation | None,
    as_json: bool,
    resume: Path | None,
    dry_run: bool,
) -> None:
    """Run WORKFLOW on this machine, without a cluster or containers.

    WORKFLOW is workflow1, a pipeline of your own as module:function, or a compiled package (.tar.gz) or specification
    (.yaml). Exit code: 0 succeeded; 1 a step failed; 2 bad input, nothing started; 130 Ctrl-C.

    \b
    Examples:
      taxi-pipeline run workflow1
      taxi-pipeline run workflow1 --param train_steps=2000 --param hyperparameters='{"hidden_units": [64, 32]}'
      taxi-pipeline run workflow1 --dry-run
      taxi-pipeline run workflow1.tar.gz --params-file params.yaml --run-dir runs/one --json
      taxi-pipeline run workflow1 --run-dir gs://my-bucket/runs/one
      taxi-pipeline run --resume runs/one
    """  # noqa: D301
    if resume:
        given = {"WORKFLOW": workflow, "--param": params, "--params-file": params_file, "--run-dir": run_dir}
        if refused := [name for name, value in {**given, "--dry-run": dry_run}.items() if value]:
            raise click.UsageError(f"--resume takes what the run began with; leave out {', '.join(refused)}")
        from pipeline_tools.local import runner

        start = functools.partial(runner.resume, resume)
    elif workflow:
        pipeline, arguments = _read(workflow, params, params_file)
        if dry_run:
            from pipeline_tools.local.dry_run import dry_run as plan_reads

            for step, plan in plan_reads(pipeline, arguments):
                click.echo(f"-- {step}\n{plan}\n")
            return
        from pipeline_tools.local import runner

        start = functools.partial(runner.run, pipeline, arguments, run_dir=run_dir)
    else:
        raise click.UsageError("Missing argument 'WORKFLOW'.")
    from rich.console import Console

    from pipeline_tools.runs.progress import progress
    from pipeline_tools.runs.result import NotUploadedError, RunInterruptedError

    try:
        with progress(Console(stderr=True)) as observer:
            result = start(parallelism=parallelism, isolation=isolation, raise_on_error=False, observer=observer)
    except RunInterruptedError as interrupted:
        _show(interrupted.result, as_json=as_json)
        ctx.exit(128 + interrupted.signal)
    except NotUploadedError as error:
        _show(error.result, as_json=as_json)
        click.echo(f"error: {error}", err=True)
        ctx.exit(1)
    _show(result, as_json=as_json)
    ctx.exit(0 if result.status == "succeeded" else 1)


def _read(
    workflow: str, params: tuple[str, ...], params_file: Path | None
) -> tuple[BaseComponent | str, dict[str, Any]]:
    from pipeline_tools.cli.pipelines import find_workflow
    from pipeline_tools.compiler import read_spec
    from pipeline_tools.spec.parameters import parse_pairs, read_file

    pipeline = find_workflow(workflow)
    definitions = read_spec(pipeline)["root"].get("inputDefinitions", {}).get("parameters", {})
    return pipeline, {**(read_file(params_file) if params_file else {}), **parse_pairs(params, definitions)}


def _show(result: RunResult, *, as_json: bool) -> None:
    from rich.console import Console

    from pipeline_tools.runs.summary import print_summary

    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    else:
        console = Console()
        # A pipe has no width: keep lines long enough not to break metrics.
        print_summary(console if console.is_terminal else Console(width=_PIPE_WIDTH), result)
