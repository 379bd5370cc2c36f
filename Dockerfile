# The one image: a step of Kubeflow Pipelines, a worker of Beam, a trainer. `make image` builds it; docs/image.md.
# Nothing here needs BuildKit: docker with and without it, podman and buildah read it alike.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.14-slim-bookworm
ARG BEAM_IMAGE=docker.io/apache/beam_python3.11_sdk:2.77.0

# Only its boot program is taken. The same version as apache-beam in constraints.txt: a test holds that.
FROM ${BEAM_IMAGE} AS beam

# What others wrote. It changes with constraints.txt, and is kept where only our code changed.
FROM ${PYTHON_IMAGE} AS dependencies
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml constraints.txt image/requirements.py image/slim.py ./
RUN python3 requirements.py pyproject.toml local serve cloud >requirements.txt \
 && python3 -m pip install --quiet --no-cache-dir --no-compile --no-warn-script-location --root /install \
      -c constraints.txt -r requirements.txt \
 && python3 slim.py /install \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /install -p / /install

# What we wrote.
FROM ${PYTHON_IMAGE} AS project
WORKDIR /src
COPY . .
RUN python3 -m pip install --quiet --no-cache-dir --no-compile --no-warn-script-location --no-deps --root /project . \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /project -p / /project

FROM ${PYTHON_IMAGE}
# Python's own modules, and pip, come without bytecode, and nobody could write it later.
# Beam's boot makes its environment in /opt/apache/beam-venv; KFP's launcher lays artifacts under the other three.
# Group 0 may write wherever the user may: clusters that choose a user id of their own keep that group.
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/lib2to3/tests/|/test/' \
      "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && useradd --uid 10001 --gid 0 --create-home --home-dir /home/worker worker \
 && mkdir -p /opt/apache/beam-venv /gcs /minio /s3 \
 && chown 10001:0 /opt/apache/beam-venv /gcs /minio /s3 \
 && chmod g=u /home/worker /opt/apache/beam-venv /gcs /minio /s3
COPY --from=beam /opt/apache/beam/boot /opt/apache/beam/LICENSE /opt/apache/beam/NOTICE /opt/apache/beam/
COPY image/entrypoint.sh /usr/local/bin/
COPY --from=dependencies /install/ /
COPY --from=project /project/ /

ARG VERSION=dev
LABEL org.opencontainers.image.title="taxi-pipeline" \
      org.opencontainers.image.description="Steps, Beam workers and trainers of taxi-pipeline" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV HOME=/home/worker PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=1
WORKDIR /home/worker
ARG RUN_AS=10001:0
USER ${RUN_AS}
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
