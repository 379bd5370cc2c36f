"""The example in the component's README runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from components.example_generation import read


def test_the_example_runs(plants, schema, tmp_path, monkeypatch, capsys):
    text = (Path(read.__file__).parent / "README.md").read_text()
    [program] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {})
    assert re.match(r"\d+ \d+ split rule", capsys.readouterr().out)
