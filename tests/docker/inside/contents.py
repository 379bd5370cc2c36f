"""Inside the image: print what is installed, what has no bytecode, and what the user may write, as JSON."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import site
import sysconfig
import tempfile
from pathlib import Path

WRITABLE = ("/home/worker", "/tmp", "/opt/apache/beam-venv", "/gcs", "/minio", "/s3")


def main() -> None:
    """Print it."""
    packages = [Path(each) for each in site.getsitepackages() if Path(each).is_dir()]
    sources = [path for folder in packages for path in folder.rglob("*.py")]
    bytecode = {path: Path(importlib.util.cache_from_source(str(path))) for path in sources}
    flags = {path.read_bytes()[4] for path in bytecode.values() if path.exists() and "taxi_pipeline" in str(path)}
    owned = [Path(__import__(name).__file__ or "").parent for name in ("taxi_pipeline", "components")]
    print(
        json.dumps(
            {
                "user": [os.getuid(), os.getgid()],
                "packages": {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()},
                "modules": len(sources),
                "without bytecode": [str(path) for path, compiled in bytecode.items() if not compiled.exists()],
                "bytecode of ours": sorted(flags),
                "standard library without bytecode": [
                    name
                    for name in ("argparse", "asyncio/__init__", "json/decoder", "typing", "unittest/__init__")
                    if not Path(importlib.util.cache_from_source(f"{sysconfig.get_path('stdlib')}/{name}.py")).exists()
                ],
                "compilers": [name for name in ("cc", "gcc", "g++", "clang", "make", "ld") if shutil.which(name)],
                "writable": [place for place in WRITABLE if _writable(place)],
                "ours can be changed": [str(folder) for folder in owned if _writable(str(folder))],
            }
        )
    )


def _writable(place: str) -> bool:
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
