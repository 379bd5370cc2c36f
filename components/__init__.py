"""Reusable component factories for Kubeflow Pipelines v2; nothing here knows about taxis."""
