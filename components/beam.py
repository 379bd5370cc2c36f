"""The one place that says how Beam work runs."""

from __future__ import annotations

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions


def local_pipeline() -> beam.Pipeline:
    """Make a pipeline that runs in this process.

    ``DirectRunner`` would first try to download another runner; this names the one that is built in.

    Returns:
        A pipeline to be used in a ``with`` block.
    """
    return beam.Pipeline(runner="FnApiRunner", options=PipelineOptions([], runner="FnApiRunner"))
