# One environment in .venv; every target makes it when it is missing or older than setup.cfg.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Processes that share the suite: one a core, four at most. With 0, as on one core, pytest is alone.
TEST_PROCESSES ?= $(shell $(PYTHON) -c "import os; n = os.cpu_count(); print(n > 1 and min(n, 4) or 0)")
# Each has a part of the list; one that is done takes over half of what another has left.
TEST = $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal

.PHONY: demo test test-slow lint bench clean

$(INSTALLED): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade-strategy only-if-needed -e '.[test,lint]'
	touch $(INSTALLED)

demo: $(INSTALLED)  ## train on real images offline, then write the report
	$(BIN)/ganagerie fit --config experiments/configs/demo.yaml

test: $(INSTALLED)  ## what CI runs
	$(TEST)

test-slow: $(INSTALLED)  ## the long proofs as well
	$(TEST) -m "slow or not slow"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## each prints one JSON object as its last line
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.ddp
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.memorization
	$(BIN)/python -m benchmarks.collapse --suite smoke

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
