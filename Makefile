# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=
# Processes that share the tests; each has its own database server and browser, so a few are enough.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() or 1))')

.DEFAULT_GOAL := help
.PHONY: help install dev demo serve test browser lint types bench docs lock clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(VENV)/.installed ## Create .venv and install the service

dev: $(VENV)/.installed-dev ## Install what tests and linters need as well

demo: install ## Search on the embedded photographs and write the winner to demo/
	$(BIN)/python -m nas.cli.demo $(ARGS)

serve: install ## Run the API, the page and one local worker in the foreground
	$(BIN)/nas serve $(ARGS)

test: dev browser ## Run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --junitxml=build/tests.xml $(ARGS)

browser: dev
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	  || command -v google-chrome-stable || $(BIN)/playwright install chromium

lint: dev ## Check style, formatting and the layers of the design
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: dev ## Check types strictly, tests included
	$(BIN)/mypy

bench: dev ## Run every benchmark quickly; each prints a table and a RESULT line
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script --quick; done

docs: dev ## Write docs/reference anew from the code
	$(BIN)/python docs/generate.py

lock: dev ## Write constraints.txt anew from what is installed
	{ sed -n '/^#/p' constraints.txt; $(PIP) freeze --all --exclude-editable --exclude wheel | sed 's/+cpu$$//' | sort -f; } > constraints.new
	mv constraints.new constraints.txt

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build dist demo ./*.egg-info

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade -c constraints.txt pip setuptools
	$(PIP) install --quiet --no-build-isolation -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet -c constraints.txt --group dev
	@touch $@
