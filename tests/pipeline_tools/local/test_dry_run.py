"""`taxi-pipeline run … --dry-run` says what would be read, and runs nothing."""

import pytest
from click.testing import CliRunner
from kfp import dsl

pytest.importorskip("duckdb", reason="needs taxi-pipeline[local]")

from components import IMAGE, example_gen
from pipeline_tools.cli.main import cli
from pipeline_tools.errors import InputError
from pipeline_tools.local.dry_run import dry_run
from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN
from taxi_pipeline.workflow1 import workflow1
from taxi_pipeline.workflow2 import workflow2

SOURCE = {
    "input_handle_train": "sample://trips",
    "input_handle_eval": "sample://trips",
    "schema": "taxi_pipeline.schema",
    "key_column": KEY_COLUMN,
    "derived_columns": DERIVED_COLUMNS,
    "time_column": TIME_COLUMN,
}


def test_it_prints_query_parameters_and_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["run", "workflow1", "--dry-run", "-p", "max_rows=900", "-p", "ts1=2015-01-01"])
    assert done.exit_code == 0, done.output
    assert "FARM_FINGERPRINT" in done.output
    assert "-- @max_rows = 900" in done.output
    assert "-- @ts1 = 2015-01-01T00:00:00+00:00" in done.output
    assert "disjoint: split rule" in done.output
    assert not list(tmp_path.iterdir())


def test_the_eval_window_of_workflow2_is_known(tmp_path):
    plans = dict(dry_run(workflow2, {}))
    assert len(plans) == 5
    assert all("-- would read" in plan for plan in plans.values())
    recent = next(plan for name, plan in plans.items() if name.endswith("(eval-trips)"))
    assert "-- @eval_ts1 = 2015-07-02T12:00:00+00:00" in recent


def test_what_is_wrong_names_the_step():
    with pytest.raises(InputError, match="^example-gen: .*no train row is in the window"):
        list(dry_run(workflow1, {"ts1": "2031-01-01"}))
    with pytest.raises(InputError, match="max_row"):
        list(dry_run(workflow1, {"max_row": 9}))
    for workflow, step in ((workflow1, "example-gen"), (workflow2, "plan-windows")):
        with pytest.raises(InputError, match=f"^{step}: .*read_mode=cloud reads BigQuery tables only"):
            list(dry_run(workflow, {"read_mode": "cloud", "beam_options": {"runner": "FnApiRunner"}}))


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def later() -> str:
    return "2015-01-01"


@dsl.pipeline
def reads_what_another_step_says(flag: bool = True, ts2: str = "2014-01-01"):
    window = later()
    example_gen(**SOURCE, ts1=window.output)
    with dsl.If(flag == True):  # noqa: E712 - that is how KFP compares
        example_gen(**SOURCE, ts2=ts2)
    with dsl.ParallelFor(["2014-01-01", "2015-01-01"]) as begin:
        example_gen(**SOURCE, ts1=begin)


def test_what_only_a_run_can_know_is_said():
    plans = list(dict(dry_run(reads_what_another_step_says, {})).values())
    assert len(plans) == 3
    assert "-- depends on the items of a loop, which is known only in a run" in plans
    assert "-- depends on later.Output, which is known only in a run" in plans
    assert any("-- @ts2 = 2014-01-01T00:00:00+00:00" in plan for plan in plans)
