"""List the benchmarks."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks


def main() -> None:
    """Print each benchmark's name and first line."""
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name != "__main__":
            doc = importlib.import_module(f"benchmarks.{module.name}").__doc__ or ""
            print(f"python -m benchmarks.{module.name:14} {doc.splitlines()[0]}")


if __name__ == "__main__":
    main()
