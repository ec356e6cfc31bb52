# Every target makes its own environment in .venv from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled modules are kept: without them every process compiles numpy and scipy again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lock demo test check fix sample sweep accuracy bench crash fuzz coverage mutation engine test-nextflow slurm schema-lint docs
help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## make the environment
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	@echo "making $(VENV) from requirements.lock: about a minute, the first time longer"
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
	$(BIN)/python -m linumpy.pipeline.write --check

fix: setup  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: setup  ## simulate an acquisition with planted faults, reconstruct it, compare
	$(BIN)/python checks/demo.py

sample: setup  ## the shared real-anatomy acquisition against its truth
	$(BIN)/python checks/sample.py

sweep: setup  ## twelve simulated acquisitions against their truth (about 20 minutes)
	$(BIN)/python checks/sweep.py

accuracy: setup  ## detectors and reconstruction against truth, docs/accuracy.md (FULL=1: hours)
	$(BIN)/python -m accuracy.run $(if $(FULL),--full) $(if $(ONLY),--only $(ONLY)) $(if $(SEEDS),--seeds $(SEEDS))

bench: setup  ## time, memory and bytes of each stage beside a physical floor
	$(BIN)/python benchmarks/run.py --scaling
	$(BIN)/python benchmarks/record.py

crash: setup  ## kill writers and runs at many moments, compare what stands afterwards
	$(BIN)/python checks/crash_write.py
	$(BIN)/python checks/crash.py

fuzz: setup  ## 100 000 examples of each law of the record
	$(BIN)/python checks/fuzz.py

# The record and what it delegates to.
RECORD := linumpy/io/slice_config.py,linumpy/io/table.py,linumpy/io/columns.py,linumpy/io/history.py,linumpy/io/atomic.py,linumpy/io/rows.py,linumpy/core/slice_id.py,linumpy/core/fate.py
coverage: setup  ## every branch of the record is run by its tests
	$(BIN)/coverage run -m pytest tests/core $(wildcard tests/io/test_slice_config*.py) $(foreach t,atomic columns history rows table,tests/io/test_$t.py)
	$(BIN)/coverage report --fail-under=100 --show-missing --include=$(RECORD)

mutation: setup  ## change the code of the record in every small way; the tests must notice
	$(BIN)/python checks/mutation.py

# Users with Nextflow 23.10 or newer on their PATH use theirs.
ENGINE := .engine/nextflow
engine: $(ENGINE)  ## Nextflow for a machine that has none, into .engine/ (Java 17, Maven)
$(ENGINE): workflows/engine/pom.xml workflows/engine/nextflow
	mvn -q -f workflows/engine/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.engine/lib
	install -m 755 workflows/engine/nextflow $@

# Without Java, or without Maven to bring the engine, nothing can be run, and a line says so.
test-nextflow: setup  ## both workflows on the real engine against the local driver (minutes)
	@if ! command -v java >/dev/null || { [ ! -x $(ENGINE) ] && ! command -v mvn >/dev/null; }; then \
	    echo "NOT RUN: the workflow engine needs Java 17, and Maven to be brought here (make engine)"; \
	elif ! $(MAKE) $(ENGINE); then \
	    echo "NOT RUN: Maven could not bring the workflow engine (its reason stands above)"; \
	else \
	    LINUMPY_ENGINE=$(abspath $(ENGINE)) \
	        $(BIN)/pytest -v -n 2 --dist loadgroup --durations=0 tests/workflows; \
	fi

slurm: setup $(ENGINE)  ## both workflows through a real SLURM on this machine, one job cancelled (root)
	LINUMPY_ENGINE=$(abspath $(ENGINE)) PYTHONPATH=. $(BIN)/python checks/slurm.py

# nf-core is a heavy tool of its own environment, which nothing else uses.
NF_CORE := .engine/nf-core
schema-lint: $(ENGINE)  ## nf-core's lint of the schemas of both workflows
	[ -x $(NF_CORE)/bin/nf-core ] || $(PYTHON) -m venv $(NF_CORE)
	$(NF_CORE)/bin/python -m pip install --quiet --disable-pip-version-check nf-core==4.2.1
	for name in preproc reconst_3d; do \
	    (cd workflows/$$name && PATH="$(CURDIR)/.engine:$$PATH" \
	        $(CURDIR)/$(NF_CORE)/bin/nf-core pipelines schema lint nextflow_schema.json) || exit 1; \
	done

docs: setup  ## write the generated pages
	$(BIN)/python -m linumpy.pipeline.write
	$(BIN)/python -m tests.io.record_page
