"""Files that were damaged at random are refused with a message for people, or read row by row as they are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline_tools.errors import InputError
from tests.campaigns import seeds

from .conftest import plant, write_csv

SPECIAL = b"\x00\"',;\n\r\t\\ \xff\xef\xbb\xbf0123456789-.eE"


def damage(content: bytes, chance: random.Random) -> bytes:
    """Change, insert, delete or repeat some bytes, or cut the end off."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(changed))
        byte = chance.choice([chance.randrange(256), chance.choice(SPECIAL)])
        match chance.randrange(5):
            case 0:
                changed[at] = byte
            case 1:
                changed.insert(at, byte)
            case 2:
                del changed[at : at + chance.randrange(1, 30)]
            case 3:
                changed[at:at] = changed[at : at + chance.randrange(1, 200)]
            case 4 if chance.random() < 0.1:
                del changed[at:]
        if not changed:
            break
    return bytes(changed)


@pytest.mark.parametrize("name", ["plants.csv", "plants.csv.gz"])
@pytest.mark.parametrize("seed", seeds(10, 2000))
def test_a_damaged_file_is_refused_or_read(seed: int, name: str, read, rows, tmp_path: Path) -> None:
    path = write_csv(tmp_path / name, (plant(number) for number in range(60)))
    path.write_bytes(damage(path.read_bytes(), random.Random(f"{seed} {name}")))
    refusal = None
    try:
        read(path)
    except InputError as error:
        refusal = str(error)
    if refusal is not None:
        assert name in refusal
        assert not (tmp_path / "out" / "examples").exists()
        return
    made = [row for split in ("train", "eval") for row in rows(split)]
    assert made
    assert all(set(row) >= {"example_key", "leaves", "height"} for row in made)
    if name.endswith(".csv"):
        assert len(made) <= path.read_bytes().count(b"\n") + path.read_bytes().count(b"\r")
