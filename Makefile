# `make demo` and `make test` need nothing but Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# With one more workers than cores the torch threads of the tests would fight; see tests/conftest.py.
WORKERS ?= 2

.PHONY: help demo test test-all lint types contracts check install bench-tui clean

help:
	@echo "make demo       install, train a small LSTM for 45 seconds, let it write"
	@echo "make test       install what tests need, run the quick suite"
	@echo "make test-all   the slow tests too"
	@echo "make check      lint, types, import contracts"
	@echo "make bench-tui  measure the workbench in a pseudo-terminal (ten minutes; --quick by QUICK=1)"
	@echo "make clean      remove the virtual environment (runs and texts stay)"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The stamps hold the constraints they were installed with: a changed file installs again, an unchanged one costs nothing.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing rnnbench and torch (once; a few minutes on a slow line) ..."
	@$(PIP) install --constraint constraints.txt torch
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(PIP) install --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

install: $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/rnnbench demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-all: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check rnnbench tests
	$(BIN)/ruff format --check rnnbench tests

types: $(VENV)/.installed-test
	$(BIN)/mypy

contracts: $(VENV)/.installed-test
	$(BIN)/lint-imports --no-cache

check: lint types contracts

bench-tui: $(VENV)/.installed-test
	$(BIN)/python tests/pty/bench_tui.py $(if $(QUICK),--quick)

clean:
	rm -rf $(VENV)
