# The README's two commands are `make demo` and `make test`; both set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2
PORT ?= 5000
SANDBOX_PORT ?= 8025
export PORT SANDBOX_PORT

.PHONY: demo test test-fast test-lowest dist audit lint types screenshots clean

demo: $(VENV)/demo.stamp
	@exec $(BIN)/python -m example_store.demo

# Everything, also on real servers, in a browser, and with brokers.
test: $(VENV)/dev.stamp
	@echo "All tests: about ten minutes on two cores. The same without servers, browser and brokers: make test-fast"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(PYTEST_ARGS)

# What is left when servers, browser, brokers, processes and the documentation's commands are left out.
STARTS_PROCESSES := $(addsuffix .py,$(addprefix tests/test_,ascii_locale other_systems middleware_servers middleware_celery resolver_recipe))
FAST := $(filter-out $(STARTS_PROCESSES),$(wildcard tests/test_*.py)) \
  $(addprefix tests/,model rules extraction beacon identify golden testing sandbox example_store) \
  $(addprefix --ignore=tests/,testing/test_plugin.py testing/test_documentation.py example_store/test_demo.py \
    extraction/test_recipe.py sandbox/test_sandbox_command.py)
test-fast: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/pytest $(PYTEST_ARGS) -q $(FAST)

# The oldest versions that setup.cfg allows: the floors of install_requires as they stand, before all
# else that is installed, and the tests that meet them: pages, signals, templates, HTTP, commands.
LOWEST := $(VENV)/lowest
NO_API := $(addprefix tests/test_,layout ascii_locale other_systems request_cost reference commands internal_errors)
LOWEST_TESTS ?= $(filter-out $(addsuffix .py,$(NO_API)),$(wildcard tests/test_*.py)) $(addprefix tests/,identify beacon sandbox) \
  $(wildcard tests/delivery/test_client*.py) tests/testing/test_capturing.py tests/cli/test_doctor_pages.py
test-lowest: $(LOWEST)/lowest.stamp
	PYTHONPATH=$(abspath $(LOWEST)) $(BIN)/pytest $(PYTEST_ARGS) $(LOWEST_TESTS)

$(LOWEST)/lowest.stamp: $(VENV)/dev.stamp
	rm -rf $(LOWEST) && mkdir $(LOWEST)
	sed -n '/^install_requires/,/^$$/s/>=/==/p' setup.cfg > $(LOWEST)/lowest.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(LOWEST) -r $(LOWEST)/lowest.txt
	@touch $@

# The README's pictures, anew.
screenshots: $(VENV)/dev.stamp
	PYTHONPATH=. $(BIN)/python release/screenshots.py

dist: $(VENV)/dev.stamp
	$(BIN)/python release/check.py

audit: $(VENV)/dev.stamp
	$(BIN)/python release/audit.py

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

$(VENV)/demo.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=demo STAMP=$@

$(VENV)/dev.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=dev STAMP=$@

.PHONY: docs
docs: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -n -q docs docs/_build
	@echo "docs/_build/index.html"

$(VENV)/docs.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=docs STAMP=$@

.PHONY: install
install:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv is needed (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRA)]'
	@touch $(STAMP)

.PHONY: bench bench-quick bench-smallest
# BENCH_ARGS: parts, or --compare benchmarks/results/an-earlier-run.json
BENCH_ARGS ?=

bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-quick: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks --quick $(BENCH_ARGS)

# Whether every part works, not how fast anything is: a minute, for the continuous integration.
bench-smallest: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks --smallest

$(VENV)/bench.stamp: setup.cfg pyproject.toml
	$(MAKE) --no-print-directory install EXTRA=bench STAMP=$@

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
