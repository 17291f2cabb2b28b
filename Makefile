# Longtake's front door: every target makes its own environment in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev
# Python compiles what is imported, and most of what is installed never is.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

.PHONY: setup setup-dev demo test bounded check lint types imports format slow chaos mutants bench lock clean
.DEFAULT_GOAL := test

setup: $(READY)

setup-dev: $(DEV_READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Longtake needs Python 3.11 or later")'
	@echo "Setting up $(VENV): Longtake and what it runs on from the package registry, some 800 MB on disk; it takes one to five minutes."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes --no-deps -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(DEV_READY): $(READY) requirements-dev.lock
	@echo "Adding what the tests and checks need, as much again."
	$(INSTALL) --require-hashes --no-deps -r requirements-dev.lock
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: setup-dev
	$(BIN)/python -m pytest -n 4 --dist loadgroup --no-loadscope-reorder

# Of what takes minutes, as much as the gate has time for: a killed run, its slots, a killed server, Retry over child runs,
# attempts.
bounded: setup-dev
	$(BIN)/python -m pytest -m slow -n 3 --dist loadgroup --no-loadscope-reorder tests/flows/test_sigkill.py tests/flows/test_restarts.py \
		tests/flows/test_children.py tests/flows/test_slots_after_death.py tests/chaos/test_fault_matrix.py \
		-k "killed_render or on_sqlite or retry_of_the_parent or billed_at_most_once or takes_over_their_slots"

check: lint types imports test

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup-dev
	$(BIN)/basedpyright

imports: setup-dev
	$(BIN)/lint-imports

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

slow: setup-dev
	$(BIN)/python -m pytest tests -m slow --ignore tests/chaos

chaos: setup-dev
	$(BIN)/python -m pytest tests/chaos -m "slow or not slow"

# Which small changes of what decides about money no test would notice.
mutants: setup-dev
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

bench: setup-dev
	$(BIN)/python -m tests.benchmarks

# Needs uv. One pair of locks for every Python and platform, with hashes and no index address: what runs is part of what tests.
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade \
	--generate-hashes --no-strip-extras --no-header --no-annotate --no-emit-index-url
lock:
	$(COMPILE) --extra dev --group build --output-file requirements-dev.lock
	$(COMPILE) --extra excel --group build --constraint requirements-dev.lock --output-file requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info
