# The README's two commands are `make demo` and `make test`; both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2
PORT ?= 5000
SANDBOX_PORT ?= 8025
export PORT SANDBOX_PORT

.PHONY: demo test lint types check clean

demo: $(VENV)/demo.stamp
	@exec $(BIN)/python -m example_store.demo

test: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

$(VENV)/demo.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=demo STAMP=$@

$(VENV)/dev.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=dev STAMP=$@

.PHONY: install
install:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv is needed (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRA)]'
	@touch $(STAMP)

.PHONY: bench bench-quick
BENCHMARKS := request_cost extraction scale start

bench: $(VENV)/bench.stamp
	@for one in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$one || exit 1; done

bench-quick: $(VENV)/bench.stamp
	@for one in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$one --quick || exit 1; done

$(VENV)/bench.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=bench STAMP=$@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
