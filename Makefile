# `make` lists the targets. ARGS is handed to the command behind one:
#   make demo ARGS="--once"        make test ARGS="-k retry"

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The first of these that is Python 3.11 or newer makes the virtual environment.
PYTHON ?= python3.13 python3.12 python3.11 python3 python

.DEFAULT_GOAL := help
.PHONY: help demo test check bench measure chaos model mutants clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.ready-demo ## render a forecast and show it on a map, until Ctrl-C (ARGS="--once": end after the summary)
	$(BIN)/millstream demo $(ARGS)

test: $(VENV)/.ready-test ## run the tests; the first lines say against which Redis (ARGS="-k name" for some)
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

check: $(VENV)/.ready-check ## lint, format and types, as CI has them
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(VENV)/.ready-test ## Millstream and ten other queues on the same work (ARGS="--only millstream,dramatiq --rounds 1")
	$(BIN)/python -m benchmarks.race $(ARGS)

measure: $(VENV)/.ready-test ## tiles/s and jobs/s of this tree alone
	$(BIN)/python -m benchmarks.jobs $(ARGS)
	$(BIN)/python -m benchmarks.tiles $(ARGS)

chaos: $(VENV)/.ready-test ## break workers and Redis for ten minutes, and check every job (ARGS="--seed 7 --seeds 1 --minutes 1 --jobs 2000")
	$(BIN)/millstream chaos --seed 1 --seeds 8 --minutes 10 --jobs 20000 $(ARGS)

model: $(VENV)/.ready-test ## any order of events against a plain model of the queue (ARGS="--transitions 100000 --seed 7")
	$(BIN)/python -m tests.model $(ARGS)

mutants: $(VENV)/.ready-test ## is there a test for every line of every script? (ARGS="settle claim", ARGS="--sample 100")
	$(BIN)/python -m tests.mutants $(ARGS)

clean: ## remove the virtual environment, the caches and out/
	rm -rf $(VENV) .swift .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist out
	find . -name __pycache__ -prune -exec rm -rf {} +

# What each target needs in the environment, brought up to date when pyproject.toml
# has changed since.
$(VENV)/.ready-demo: NEEDS = -e '.[demo]'
$(VENV)/.ready-test: NEEDS = -e '.[demo,matrixsets,postgres,s3,schedule,xarray]' --group test
$(VENV)/.ready-check: NEEDS = -e '.[demo,matrixsets,postgres,s3,schedule,xarray]' --group test --group check

# uv does it where it is there (and knows dependency groups), venv and pip where not.
$(VENV)/.ready-%: pyproject.toml
	@set -e; \
	is_recent() { "$$@" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; \
	fail() { echo "millstream: $$1" >&2; exit 1; }; \
	uv=; if uv pip install --help 2>/dev/null | grep -q -e --group; then uv=uv; fi; \
	if ! is_recent $(BIN)/python; then \
	  python=; for each in $(PYTHON); do if is_recent $$each; then python=$$each; break; fi; done; \
	  rm -rf $(VENV); \
	  if [ -n "$$uv" ]; then \
	    uv venv --quiet --python "$${python:-3.13}" $(VENV); \
	  elif [ -n "$$python" ]; then \
	    $$python -m venv $(VENV) || { rm -rf $(VENV); \
	      fail "$$python has no complete venv module (on Debian: apt-get install python3-venv)"; }; \
	  else \
	    fail "needs Python 3.11 or newer, and none of these is: $(PYTHON) (or name one: make PYTHON=...)"; \
	  fi; \
	fi; \
	echo "Installing into $(VENV) with $${uv:-pip} ($$($(BIN)/python --version)) ..."; \
	if [ -n "$$uv" ]; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python $(NEEDS); \
	else \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	  $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'; \
	  $(BIN)/python -m pip install --quiet $(NEEDS); \
	fi; \
	touch $@
