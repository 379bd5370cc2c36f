"""From a pipeline function to the package that is uploaded, submitted, or run on this machine."""

from taxi_pipeline.compiler.package import compile_package, pipeline_yaml, read_spec, write_package

__all__ = ["compile_package", "pipeline_yaml", "read_spec", "write_package"]
