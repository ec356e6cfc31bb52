# Every target makes its own environment in .venv from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled modules are kept: without them every process compiles numpy and scipy again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lock demo test story check fix bench docs clean
help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## make the environment
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.7"
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q linumpy
	touch $@

lock:  ## pin the newest allowed versions of all dependencies
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --group dev pyproject.toml -o requirements.lock --no-emit-index-url --custom-compile-command "make lock"

test: setup  ## run all tests
	$(BIN)/pytest -n 2 --dist worksteal

check: setup  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: setup  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: setup  ## simulate an acquisition with planted faults, reconstruct it, compare
	$(BIN)/python checks/demo.py

sample: setup  ## the shared real-anatomy acquisition against its truth
	$(BIN)/python checks/sample.py

sweep: setup  ## twelve simulated acquisitions against their truth (about 20 minutes)
	$(BIN)/python checks/sweep.py

bench: setup  ## time, memory and bytes of each stage beside a physical floor
	$(BIN)/python benchmarks/run.py

crash: setup  ## kill runs at many moments and compare what a second run makes
	$(BIN)/python checks/crash.py
