"""A component of another installed package is checked, planned and drawn by what it registers, not by names."""

import json
import os
import subprocess
import sys
from pathlib import Path

MODULE = """
from collections.abc import Iterable, Mapping
from typing import Any

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Output

from components.lib.report.roles import ReadsExamples
from pipeline_tools.registry import Plan, Registration


@dsl.component(base_image="registry.example/garden:1", install_kfp_package=False)
def pick(baskets: int, berries: Output[Dataset], counts: Output[Artifact], oddities: Output[Artifact]):
    import json
    from pathlib import Path

    column = {"type": "BYTES", "count": 7, "missing": 0, "unique": 1, "top": [{"value": "sloe", "count": 7}]}
    described = {split: {"rows": 7 * baskets, "columns": {"berry": column}} for split in ("train", "eval")}
    for made, name, content in ((counts, "statistics.json", described), (oddities, "anomalies.json", {})):
        Path(made.path).mkdir(parents=True)
        Path(made.path, name).write_text(json.dumps(content))


@dsl.pipeline(name="garden")
def garden(baskets: int = 2):
    pick(baskets=baskets)


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    if inputs.get("baskets", 1) < 1:
        yield f"baskets={inputs['baskets']}: must be at least 1 ({image})"


def _plan(inputs: Mapping[str, Any]) -> Plan:
    return Plan(f"would pick {inputs['baskets']} baskets")


REGISTRATION = Registration(
    factory=pick,
    check=_check,
    plan=_plan,
    page=ReadsExamples(examples="berries", statistics="counts", anomalies="oddities"),
)
"""


def taxi_pipeline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "-m", "taxi_pipeline", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_what_it_registers_is_used(tmp_path: Path) -> None:
    (tmp_path / "garden_steps.py").write_text(MODULE)
    info = tmp_path / "garden-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: garden\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pipeline_tools.pipelines]\ngarden = garden_steps:garden\n"
        "[pipeline_tools.components]\ngarden_pick = garden_steps:REGISTRATION\n"
    )
    planned = taxi_pipeline(tmp_path, "run", "garden", "--dry-run", "-p", "baskets=3")
    assert planned.stdout == "-- pick\nwould pick 3 baskets\n\n", planned.stderr

    refused = taxi_pipeline(tmp_path, "run", "garden", "-p", "baskets=0", "--run-dir", "none")
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: baskets=0: must be at least 1 (registry.example/garden:1)\n",
    )
    assert not (tmp_path / "none").exists()

    ran = taxi_pipeline(tmp_path, "run", "garden", "--run-dir", "one")
    assert ran.returncode == 0, ran.stderr
    assert json.loads((tmp_path / "one" / "run.json").read_text())["steps"]["pick"]["component"] == "garden_pick"
    drawn = taxi_pipeline(tmp_path, "report", "one")
    assert drawn.returncode == 0, drawn.stderr
    page = (tmp_path / "one" / "report.html").read_text()
    assert "sloe" in page
    assert "14 train examples, 14 eval examples" in page
