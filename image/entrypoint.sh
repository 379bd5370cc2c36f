#!/bin/sh
# Flags are for Beam's boot program, as Dataflow, Flink and Spark call it; anything else is a command.
# Kubeflow Pipelines and Kubernetes' `command` put theirs in this script's place.
case "${1-}" in
'' | -*) exec /opt/apache/beam/boot "$@" ;;
*) exec "$@" ;;
esac
