# Two commands set a newcomer up: `make demo` and `make test`. The rest serve those.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench bench-growth bench-quality bench-soak bench-truth reference lock clean

help:  ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## create .venv from the lock file

$(VENV)/.installed: requirements.lock setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install  ## start the service with simulated users and watch it learn
	@exec $(BIN)/python -m simulators.demo

test: install lint  ## ruff, mypy strict, import contracts, every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install  ## speed against bare Flask, a naive service and VW; BENCH=full is longer
	$(BIN)/python -m benchmarks.speed

bench-growth: install  ## how each cost grows with experiments, variants, log; BENCH=full to 10 million events
	$(BIN)/python -m benchmarks.growth

$(VENV)/.bench-installed: $(VENV)/.installed benchmarks/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.lock
	touch $@

bench-quality: $(VENV)/.bench-installed  ## learning quality against other bandit libraries
	$(BIN)/python -m benchmarks.quality

bench-soak: install  ## 24 h of traffic compressed: memory of learner and worker
	$(BIN)/python -m benchmarks.soak

bench-truth: install  ## coverage, widths and power of the intervals
	$(BIN)/python -m benchmarks.truth

reference: install  ## write docs/reference from what the code declares
	$(BIN)/python -m tests.architecture.reference

lock:  ## pin what setup.cfg allows, anew
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --no-annotate --no-emit-options --no-header --strip-extras --allow-unsafe --unsafe-package pip --build-deps-for editable --extra test --output-file requirements.lock setup.cfg

clean:  ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info data
