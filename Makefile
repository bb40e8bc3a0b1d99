# Everything needs only python3 (3.11 or newer) and make; the rest is set up in .venv at first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
# Much of a test's time is waiting, for Slack's pace and for processes: two more workers than cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 2) + 2)')

# Tests and measurements start Python hundreds of times: what it compiles is kept, also where the environment forbids that.
COMPILED := PYTHONDONTWRITEBYTECODE=

.PHONY: help sandbox test check format bench crash lock docs pictures clean

help:
	@echo "make sandbox    set up and run everything on this machine, no account needed (ARGS=\"--scenario two-hops\")"
	@echo "make test       set up and run the tests"
	@echo "make check      format, lint, types, arrows between rooms, generated docs"
	@echo "make bench      measure, and print the table"
	@echo "make crash      the long campaign: kill the bot at every boundary, deny every permission, live a hundred years"
	@echo "make docs       write the generated pages again"
	@echo "make pictures   take the pictures of the docs again (needs chromium)"
	@echo "make lock       resolve the lock files again (needs uv)"

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "eks-upgrade-bot needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1); name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.sandbox: requirements-sandbox.lock pyproject.toml | $(VENV)/.python
	@echo "Installing the bot and the sandbox ..."
	@$(PIP) install --no-compile --require-hashes --no-deps -r requirements-sandbox.lock
	@$(PIP) --quiet install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.python
	@echo "Installing the bot, the sandbox and the development tools ..."
	@$(PIP) install --no-compile --require-hashes --no-deps -r requirements-dev.lock
	@$(PIP) --quiet install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.sandbox

sandbox: $(VENV)/.sandbox
	@$(BIN)/eks-upgrade-sandbox $(ARGS)

test: $(VENV)/.dev
	@$(COMPILED) $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.generate --check

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.dev
	@$(BIN)/python -m docs.generate

pictures: $(VENV)/.dev
	@$(COMPILED) $(BIN)/python -m pytest tests/browser/test_stories.py --pictures docs/pictures $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks $(ARGS)

crash: $(VENV)/.dev
	@$(COMPILED) $(BIN)/python -m pytest -m campaign -n $(WORKERS) --timeout 1500 $(ARGS)

LOCK := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-header --upgrade
lock:
	@$(LOCK) pyproject.toml -o requirements.lock
	@echo setuptools | $(LOCK) pyproject.toml - --extra sandbox -o requirements-sandbox.lock
	@echo setuptools | $(LOCK) pyproject.toml - --extra sandbox --extra dev -o requirements-dev.lock

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
