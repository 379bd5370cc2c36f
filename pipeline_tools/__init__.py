"""A toolkit for any Kubeflow Pipelines v2 pipeline: compile it, run it on this machine, submit it, look after it."""
