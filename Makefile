# Two commands: `make demo` and `make test`. Each installs what it needs into .venv, from locks with hashes.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench fuzz parsers environments docs lock clean browser

help:   ## Say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/.core: requirements/core.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: bascule needs Python 3.11 or newer; set PYTHON=/path/to/it" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing bascule into .venv from requirements/core.lock (about half a minute)"
	@$(PIP) install --require-hashes -r requirements/core.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.lock .venv/.core
	@echo "installing what tests and checks need from requirements/dev.lock"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

setup: .venv/.core   ## Install into .venv; afterwards .venv/bin/bascule works

demo: setup          ## Review a small real model and an unfit one; writes out/demo/report.html
	@$(BIN)/python examples/demo/run.py

browser:
	@$(BIN)/python tools/get_browser.py

test: .venv/.dev browser   ## Install what tests need (a PostgreSQL, a browser) and run them all
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

check: .venv/.dev    ## Lint, types, import contracts, docs freshness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/docs.py --check

docs: .venv/.dev     ## Generate the reference and rule pages
	@$(BIN)/python tools/docs.py

bench: .venv/.dev    ## Side-by-side tables against peers and limits
	@$(BIN)/python benchmarks/run.py

fuzz: .venv/.dev     ## Property tests and fuzzing with large budgets
	@$(BIN)/python -m pytest -n 2 tests/laws tests/plugins --hypothesis-profile=fuzz

parsers: .venv/.dev  ## Fuzz every scanner and its readers, ten minutes each (SECONDS_EACH=600, SCANNERS=…)
	@$(BIN)/python -m pip -q install "atheris>=3,<4"
	@set -e; for name in $${SCANNERS:-$$($(BIN)/python tools/fuzz.py --list)}; do \
	  $(BIN)/python tools/fuzz.py $$name $${SECONDS_EACH:-600}; done

environments: .venv/.dev ## Scan in three environments, bare and beside torch and scikit-learn; byte-identical or fail
	@$(BIN)/python tools/environments.py

lock: .venv/.dev     ## Resolve the locks again
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --exclude-newer "$$($(BIN)/python tools/cool_down.py)" \
	  pyproject.toml --group pyproject.toml:build -o requirements/core.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --exclude-newer "$$($(BIN)/python tools/cool_down.py)" \
	  pyproject.toml --all-extras --group pyproject.toml:build --group pyproject.toml:test --group pyproject.toml:check \
	  -c requirements/core.lock -o requirements/dev.lock

clean:               ## Remove what make made
	rm -rf .venv out .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
