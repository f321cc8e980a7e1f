# Every target sets up what it needs first, and the second time at once. `make help` lists them.
PORT ?= 8000
DEMO_PORT ?= 8080
PYTEST_ARGS ?=
# Test files run side by side in so many processes; most of a test is waiting.
TEST_PROCESSES ?= 2
BENCH_ARGS ?=
LOADTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PYTHON_READY := $(VENV)/.ready
SPLASH_READY := splash/node_modules/.ready
EDGE_READY := edge/node_modules/.ready
# Node comes with the Python packages, so that a machine without it can build splash/ and edge/.
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export WRANGLER_SEND_METRICS = false
CONSOLE_TSC = --strict --checkJs --noEmit --target es2022 --module esnext \
  --moduleResolution bundler --lib es2023,dom,dom.iterable
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help run test check loadtest bench bench-edge format lock setup clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(PYTHON_READY) $(SPLASH_READY) ## Serve the demo shop, the waiting room and its processes; Ctrl-C stops all
	@exec $(BIN)/waitroom up --port $(PORT) --demo-port $(DEMO_PORT)

test: setup ## Run all tests; PYTEST_ARGS are passed on
	@.ci/chromium
	@.ci/proxies
	@.ci/redis
	$(BIN)/pytest -q --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

check: setup ## Format, lint and types; unit tests of the splash page and of the Worker
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy waitroom tests loadtest edge/examples
	$(BIN)/npm --prefix splash run --silent check
	$(BIN)/npm --prefix splash run --silent test
	$(BIN)/node splash/node_modules/typescript/bin/tsc $(CONSOLE_TSC) waitroom/console/static/*.js
	$(BIN)/npm --prefix edge run --silent check
	$(BIN)/npm --prefix edge run --silent test

loadtest: setup ## 100 visitors on a waiting room of its own; LOADTEST_ARGS are passed on
	$(BIN)/python -m loadtest --shape smoke $(LOADTEST_ARGS)

bench: setup ## Measure the parts against their floors; BENCH_ARGS are passed on
	$(BIN)/python -m loadtest.bench $(BENCH_ARGS)

bench-edge: setup ## Measure the Worker against one that only forwards
	$(BIN)/python -m loadtest.bench.edge $(BENCH_ARGS)

format: setup ## Format Python
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

lock: ## Write requirements.lock anew from pyproject.toml, and those of the image (needs uv)
	$(LOCK) pyproject.toml --all-extras --output-file requirements.lock
	$(LOCK) pyproject.toml --extra servers --constraint requirements.lock --output-file deploy/requirements.lock
	$(LOCK) deploy/build.in --constraint requirements.lock --output-file deploy/build.lock

setup: $(PYTHON_READY) $(SPLASH_READY) $(EDGE_READY) ## Install everything into .venv and two node_modules

$(PYTHON_READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || .ci/venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(SPLASH_READY) $(EDGE_READY): %/node_modules/.ready: %/package-lock.json $(PYTHON_READY)
	$(BIN)/npm --prefix $* ci --silent --no-audit --no-fund
	@touch $@

clean: ## Remove what setup made (not .waitroom, which holds data)
	rm -rf $(VENV) splash/node_modules edge/node_modules edge/dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
