"""Print the layers of an image that was pushed to ``dir:PATH``: ``python layers.py PATH``."""

import json
import sys
import zlib
from pathlib import Path

WIDTH = 88


def packed(blob: Path) -> int:
    """Bytes that a registry holds and a node pulls: the layer through gzip."""
    squeeze, total = zlib.compressobj(6), 0
    with blob.open("rb") as file:
        while chunk := file.read(1 << 22):
            total += len(squeeze.compress(chunk))
    return total + len(squeeze.flush())


def main(folder: str, *, compressed: bool = False) -> None:
    """Print a line for each layer, and the sum."""
    place = Path(folder)
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    config = json.loads((place / manifest["config"]["digest"].removeprefix("sha256:")).read_text(encoding="utf-8"))
    steps = [each.get("created_by", "") for each in config["history"] if not each.get("empty_layer")]
    sizes = [(each["size"], each["digest"].removeprefix("sha256:")) for each in manifest["layers"]]
    rows = [(size, packed(place / name) if compressed else 0) for size, name in sizes]
    total = (sum(size for size, _ in rows), sum(small for _, small in rows))
    for (size, small), step in zip([*rows, total], [*steps, "all"], strict=True):
        shown = f"{size / 1e6:8.1f} MB" + (f" {small / 1e6:8.1f} MB packed" if compressed else "")
        print(shown, step.removeprefix("/bin/sh -c ").removeprefix("#(nop) ")[:WIDTH])


if __name__ == "__main__":
    main(sys.argv[1], compressed="--packed" in sys.argv)
