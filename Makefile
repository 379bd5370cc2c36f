# Needs nothing but Python 3.10-3.13 (PYTHON=python3.12 names another one) and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Set around us, it would make every import two to three times slower.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-fast test-all campaign lint bench image clean

help:
	@echo "make setup      prepare .venv, once"
	@echo "make demo       run workflow1 on real Chicago taxi trips and compile it for the Pipelines UI"
	@echo "make test       run what Python alone can show, in minutes"
	@echo "make test-fast  run the tests of single functions and commands"
	@echo "make test-all   run the other tests: with Go, Java, a browser, stand-ins for services"
	@echo "make campaign   kill and fuzz many times; build the image as root with buildah and run it; an hour, 10 GB"
	@echo "make lint       ruff, mypy --strict, import contracts"
	@echo "make bench      list the benchmarks behind docs/benchmarks.md"
	@echo "make image      build the image that steps run in, with docker, podman or buildah (IMAGE=… names it)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 10) <= sys.version_info < (3, 14), f"Python 3.10 to 3.13 is needed, and this is {sys.version}: make PYTHON=python3.12 …"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing (a few minutes, once; about 3 GB) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@# setuptools warns of every editable installation, as if something were wrong
	PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[local,serve,cloud,s3,dev]'
	touch $@

demo: setup
	@$(BIN)/taxi-pipeline run workflow1
	@$(BIN)/python -m taxi_pipeline.workflow1 -o workflow1.tar.gz
	@echo "ready to be uploaded in the Pipelines UI; to look at the analysis: $(BIN)/taxi-pipeline report RUN_DIR --open"

# As many at a time as there are cores, but no more than four: each may need 2 GB.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4

test: setup
	@echo "make test: what Python alone can show; 5 to 10 minutes on two cores"
	$(PYTEST) -m 'not full and not campaign'
	@echo "make test-all adds Argo's and Kubeflow's own code (Go), Flink (Java), a browser, stand-ins for Google's services, repeatability"

test-fast: setup
	$(PYTEST) -m 'not e2e and not full and not campaign'

test-all: setup
	@echo "make test-all: what make test leaves out; 12 to 25 minutes on two cores, the first time with what builds and fetches tools"
	$(PYTEST) -m 'full and not campaign'

campaign: setup
	@echo "make campaign: about an hour, 10 GB of disk; the image needs root, buildah, debootstrap, iproute2 and Go"
	$(PYTEST) -m campaign

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m benchmarks

# Needs no .venv. ENGINE=podman chooses; OPTIONS='--build-arg PYTHON_IMAGE=…' goes to it. docs/image.md
image:
	@IMAGE='$(IMAGE)' image/build.sh $(OPTIONS)

clean:
	rm -rf $(VENV) runs
