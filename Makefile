# Two commands set a newcomer up: `make demo` and `make test`. The rest serve those.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := build/lock-venv
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Arguments of pytest that come after, and so win over, those of `make test`.
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install install-test demo demo-cluster programs test test-lower-bounds test-network wheel wheel-smoke
.PHONY: lint fmt check story test-postgres test-spark profile-decision bench bench-damage bench-growth bench-moving bench-quality bench-soak bench-truth fuzz reference lock clean

help:  ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## create .venv with what serving needs, from requirements.lock

install-test: $(VENV)/.test-installed  ## add what the checks need, from requirements-test.lock

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is not Python 3.11 or later with venv: apt-get install python3-venv," \
	    "or name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Packages follow their lock file; the project itself follows its metadata. A change
# of setup.cfg so costs seconds.
$(VENV)/.packages: requirements.lock | $(BIN)/python
	$(PIP) -r requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.packages setup.cfg pyproject.toml
	PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test-installed: requirements-test.lock | $(VENV)/.installed
	$(PIP) -r requirements-test.lock
	@touch $@

demo: install  ## start the service with simulated users and watch it learn
	@exec $(BIN)/python -m simulators.demo

# Stays in the foreground, in the caller's process group; all below it end with it.
demo-cluster: install-test  ## start the scaled form with simulated users; CHECK=1 kills each kind of process, and audits
	@.ci/programs postgresql
	@exec $(BIN)/python -m benchmarks.cluster $(if $(CHECK),--check)

# Each link is away for 10 s instead of 3.
test-network: install-test  ## cut each link between web, stream, store and learner for NETWORK_SECONDS=10 each
	NETWORK_SECONDS=$(or $(NETWORK_SECONDS),10) $(BIN)/python -m pytest -q -n 0 tests/e2e/links_cut.py $(PYTEST_ARGS)

programs:  ## install Prometheus, Chromium and PostgreSQL where they are missing (root or sudo)
	@.ci/programs

# Measured by lines, in the processes of pytest; a part of the tests is not measured.
COVERAGE_FLOOR := 95
MEASURED := -m slipcover --source bandit_svc,policies,simulators --json --out build/coverage.json

# Half of the time of the suite is waiting for processes that it starts, so more run at
# once than there are cores.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)

# A machine that can't have the programs runs the other tests; those that need them
# fail with a sentence.
test: install-test lint  ## everything that must be green: lint, then every test, in parallel
	@.ci/programs || true
	@mkdir -p build
	$(BIN)/python $(if $(PYTEST_ARGS),,$(MEASURED)) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)
	@$(if $(PYTEST_ARGS),,$(BIN)/python .ci/coverage_floor.py $(COVERAGE_FLOOR))

lint: install-test  ## ruff, mypy strict, import contracts, dead code, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.architecture.unused
	$(BIN)/codespell

fmt: install-test  ## format, and repair what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: install-test  ## lint, types and tests of one room: make check ROOM=services/serving
	@.ci/check "$(ROOM)" $(PYTEST_ARGS)

# Without build/lib, from which setuptools would take files that are gone from the tree.
wheel: install  ## build dist/bandit_svc-VERSION-py3-none-any.whl
	rm -rf build/lib build/bdist.*
	PYTHONWARNINGS=ignore $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

wheel-smoke: install-test  ## build the wheel, install it alone, decide, reward, report
	$(BIN)/python -m pytest -q tests/e2e/test_wheel.py

OLDEST := build/lower-bounds-venv

$(OLDEST)/.installed: setup.cfg requirements-test.lock .ci/lower_bounds.py | $(BIN)/python
	$(BIN)/python -m venv $(OLDEST)
	$(BIN)/python .ci/lower_bounds.py > build/lower-bounds.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check -r build/lower-bounds.txt
	PYTHONWARNINGS=ignore $(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Browser, Prometheus and long-lived processes say nothing about versions of packages.
test-lower-bounds: $(OLDEST)/.installed  ## the tests in process, with the oldest packages that setup.cfg allows
	$(OLDEST)/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not e2e" \
	  --ignore tests/architecture --ignore tests/dashboard --ignore tests/grafana --ignore tests/javascript \
	  --ignore tests/e2e --ignore tests/benchmarks $(PYTEST_ARGS)

SPARK := build/spark-venv

$(SPARK)/.installed: | $(BIN)/python
	$(BIN)/python -m venv $(SPARK)
	$(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-test.lock pyspark
	PYTHONWARNINGS=ignore $(SPARK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# 460 MB of packages and a Java runtime, so it is no part of `make test`.
test-spark: $(SPARK)/.installed  ## the archive's statement on Spark against ope; needs a Java runtime
	$(SPARK)/bin/python -m benchmarks.archive.spark

# About as long as all of `make test`, so it is no part of it.
test-postgres: install-test  ## tests/http over a PostgreSQL store
	$(BIN)/python -m tests.harness.stored.over_postgres tests/http $(PYTEST_ARGS)

profile-decision: install  ## the functions of one warm decision by their own time
	@$(BIN)/python -m benchmarks.profile_decision

bench: install  ## speed against bare Flask, a naive service and VW; BENCH=full is longer
	$(BIN)/python -m benchmarks.speed

bench-damage: install  ## 10,000 random damages of data folders: none may be undetected
	$(BIN)/python -m benchmarks.damage

bench-growth: install  ## how each cost grows with experiments, variants, log; BENCH=full to 10 million events
	$(BIN)/python -m benchmarks.growth

bench-moving: install-test  ## 100,000 decisions to PostgreSQL and back: every row and model the same
	$(BIN)/python -m benchmarks.stores.moving

$(VENV)/.bench-installed: benchmarks/requirements.lock | $(VENV)/.installed
	$(PIP) -r benchmarks/requirements.lock
	touch $@

bench-quality: $(VENV)/.bench-installed  ## learning quality against other bandit libraries
	$(BIN)/python -m benchmarks.quality

bench-soak: install  ## 24 h of traffic compressed, then the running service: memory, files, time
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.soak_served

bench-truth: install  ## coverage, widths, power of intervals; BENCH_ARGS="--runs 200 --cells units" for some
	$(BIN)/python -m benchmarks.truth $(BENCH_ARGS)

# PEOPLE=20000 plays as many; the default takes a few minutes.
story: install-test  ## tell an acceptance story on real parts, and play its weeks: STORY=retailer|streaming
	@.ci/programs || true
	$(BIN)/python -m benchmarks.stories $(or $(STORY),retailer) $(if $(PEOPLE),--people $(PEOPLE))

fuzz: install-test  ## schemathesis follows the links of /openapi.json against a service; SCENARIOS=1000
	FUZZ_SCENARIOS=$(or $(SCENARIOS),1000) $(BIN)/python -m pytest -q -n 0 tests/e2e/test_linked_calls.py --timeout 20000

reference: install-test  ## write docs/reference from what the code declares
	$(BIN)/python -m tests.architecture.reference

COMPILE := $(TOOLS)/bin/pip-compile --quiet --no-annotate --no-emit-options --no-header \
	--strip-extras --allow-unsafe --unsafe-package pip --build-deps-for editable

$(TOOLS)/bin/pip-compile: | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check pip-tools

# A pin that setup.cfg still allows stays; `make lock UPGRADE=--upgrade` takes the newest.
lock: $(TOOLS)/bin/pip-compile  ## pin what setup.cfg allows, anew: both lock files
	$(COMPILE) $(UPGRADE) --output-file requirements.lock setup.cfg
	$(COMPILE) $(UPGRADE) --extra test --constraint requirements.lock \
	  --output-file requirements-test.lock setup.cfg

clean:  ## remove what the other targets made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info data
