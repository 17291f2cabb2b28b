# Longtake's front door: every target makes its own environment in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test bounded check lint types imports format slow chaos mutants bench lock clean
.DEFAULT_GOAL := test

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Longtake needs Python 3.11 or later")'
	@echo "Setting up $(VENV): some 600 MB from the package registry, Longtake and all that its tests need; it takes minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: setup
	$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

# Of what takes minutes, as much as the gate has time for: a killed run, a killed server, Retry over child runs, attempts.
bounded: setup
	$(BIN)/python -m pytest -m slow -n 3 --dist loadgroup --no-loadscope-reorder tests/flows/test_sigkill.py tests/flows/test_restarts.py \
		tests/flows/test_children.py tests/chaos/test_fault_matrix.py \
		-k "killed_render or on_sqlite or retry_of_the_parent or billed_at_most_once"

check: lint types imports test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/basedpyright

imports: setup
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

slow: setup
	$(BIN)/python -m pytest tests/unit tests/flows tests/docs tests/e2e tests/media -m slow

chaos: setup
	$(BIN)/python -m pytest tests/chaos -m "slow or not slow"

# Which small changes of what decides about money no test would notice.
mutants: setup
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

bench: setup
	$(BIN)/python -m tests.benchmarks

# Needs uv. One lock for every Python and platform, with hashes and no index address.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-strip-extras --no-header --no-annotate --no-emit-index-url --output-file requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info
