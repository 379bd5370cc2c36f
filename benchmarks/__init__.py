"""Measurements behind docs/benchmarks.md. Each prints ratios taken side by side in one run."""
