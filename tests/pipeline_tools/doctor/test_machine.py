"""The machine and what is installed on it."""

from __future__ import annotations

import importlib.metadata
from collections import namedtuple

import pytest

from pipeline_tools.doctor import Level, machine, packages
from pipeline_tools.doctor.google import check_credentials
from pipeline_tools.doctor.machine import available_memory, check_machine
from pipeline_tools.doctor.packages import check_packages
from pipeline_tools.errors import InputError


def by_subject(findings):
    return {each.subject: each for each in findings}


def test_a_variable_that_costs_time_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = by_subject(check_machine(tmp_path))["bytecode"]
    assert (found.level, found.remedy) == (Level.ADVICE, "unset PYTHONDONTWRITEBYTECODE")

    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    assert by_subject(check_machine(tmp_path))["bytecode"].level is Level.OK


def test_a_full_disk_is_told_of_the_nearest_place_that_exists(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage(10**12, 10**12, int(0.5e9)))
    found = next(each for each in check_machine(tmp_path / "not" / "yet") if each.subject == "disk")
    assert found.level is Level.WRONG
    assert found.text == f"0.5 GB free at {tmp_path}"
    assert found.remedy == "free 1.5 GB or more there"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (8 * 2**30, False)),
        ({"memory.max": "max", "memory.current": "5"}, (8 * 2**30, False)),
        ({"memory.max": "1000", "memory.current": "300"}, (700, True)),
        ({"memory/memory.limit_in_bytes": "900", "memory/memory.usage_in_bytes": "1000"}, (0, True)),
        ({"memory/memory.limit_in_bytes": str(2**63 - 4096), "memory/memory.usage_in_bytes": "9"}, (8 * 2**30, False)),
    ],
)
def test_memory_is_bounded_by_the_container(files, expected, tmp_path):
    (tmp_path / "meminfo").write_text(f"MemTotal: 9999999 kB\nMemAvailable: {8 * 2**20} kB\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_memory(tmp_path / "meminfo", tmp_path) == expected


def test_a_system_that_says_nothing_of_memory_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: (None, False))
    assert by_subject(check_machine(tmp_path))["memory"].level is Level.ADVICE


@pytest.fixture
def installed(monkeypatch):
    """Play an installation: what is asked for, and what is there."""
    asked = ["kfp>=2.17,<2.18", 'duckdb>=1.5; extra == "local"', 'kubernetes>=30; extra == "cloud"']
    there = {"kfp": "2.17.0", "duckdb": "1.5.5", "kubernetes": "30.1.0"}

    def version(name):
        if name not in there:
            raise importlib.metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(packages.importlib.metadata, "requires", lambda _: asked)
    monkeypatch.setattr(packages.importlib.metadata, "version", version)
    return there


def test_ranges_and_extras(installed, tmp_path):
    pins = tmp_path / "constraints.txt"
    pins.write_text("# tested\nkfp==2.17.0\nduckdb==1.5.5\nkubernetes==30.1.0\nnot-here==1\n")
    assert {each.level for each in check_packages(pins)} == {Level.OK}

    del installed["duckdb"]
    installed["kubernetes"] = "29.0"
    found = by_subject(check_packages(pins))
    assert found["[local]"].level is Level.ADVICE
    assert found["[local]"].text == "duckdb not installed: needed to run steps on this machine"
    assert found["[local]"].remedy == "pip install 'taxi-pipeline[local]'"
    assert found["[cloud]"].level is Level.WRONG
    assert found["[cloud]"].text == "kubernetes 29.0 is not >=30"
    assert found["versions"].text == "1 of 2 differ: kubernetes 29.0, tested 30.1.0"

    del installed["kfp"]
    assert by_subject(check_packages(pins))["requirements"].level is Level.WRONG


def test_constraints_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"none.txt: cannot be read: No such file"):
        list(check_packages(tmp_path / "none.txt"))
    (tmp_path / "bad.txt").write_text("kfp==2.17.0\nkfp>=2,<3\n")
    with pytest.raises(InputError, match=r"bad.txt:2: must be name==version"):
        list(check_packages(tmp_path / "bad.txt"))


def test_credentials_in_files(tmp_path, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    assert check_credentials().level is Level.ADVICE

    (tmp_path / "application_default_credentials.json").write_text("{}")
    assert check_credentials().level is Level.OK

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    assert check_credentials().level is Level.WRONG
    assert "gone.json: no such file" in check_credentials().text
