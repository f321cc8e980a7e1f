# Every target sets up what it needs first, and the second time at once. `make help` lists them.
PORT ?= 8000
DEMO_PORT ?= 8080
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PYTHON_READY := $(VENV)/.ready
SPLASH_READY := splash/node_modules/.ready
# Node comes with the Python packages, so that a machine without it can build splash/.
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run test check format lock setup clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: setup ## Serve the demo shop, the waiting room and its processes; Ctrl-C stops all
	@exec $(BIN)/waitroom up --port $(PORT) --demo-port $(DEMO_PORT)

test: setup ## Run all tests; PYTEST_ARGS are passed on
	@.ci/chromium
	$(BIN)/pytest -q $(PYTEST_ARGS)

check: setup ## Format, lint and types of Python and of the splash page
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy waitroom tests
	$(BIN)/npm --prefix splash run --silent check
	$(BIN)/npm --prefix splash run --silent test

format: setup ## Format Python
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

lock: ## Write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" --output-file requirements.lock

setup: $(PYTHON_READY) $(SPLASH_READY) ## Install everything into .venv and splash/node_modules

$(PYTHON_READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || .ci/venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(SPLASH_READY): $(PYTHON_READY) $(wildcard splash/package-lock.json)
	@if [ -f splash/package-lock.json ]; then \
	  $(BIN)/npm --prefix splash ci --silent --no-audit --no-fund && touch $@; \
	fi

clean: ## Remove what setup made (not .waitroom, which holds data)
	rm -rf $(VENV) splash/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
