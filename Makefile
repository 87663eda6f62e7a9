# Two commands do everything: `make demo` and `make test`. Needs Python 3.11 (or 3.12) and make.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SUPERSET_VENV := .venv-superset
SUPERSET_LOCK := dashboards/superset/requirements.lock
SUPERSET_READY := $(SUPERSET_VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Every command starts a second faster from byte code than from source
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help environment demo dashboards dashboards-stop screenshots test check families reference docs mutants reliability lint format serve clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: $(READY) ## Create the virtual environment with every pinned package

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
	  { echo "error: Python 3.11 or 3.12 is needed, $(PYTHON) is neither; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python-venv
	$(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) (a few minutes the first time)"
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: python-venv
python-venv: # Debian ships venv as a package of its own
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	else \
	  echo "error: $(PYTHON) has no venv module; install it (Debian: apt-get install python3-venv)" >&2; exit 2; \
	fi

demo: $(READY) ## Train three small models, score their checkpoints, derive the marts, draw the figures
	$(BIN)/trailhouse demo

dashboards: $(READY) $(SUPERSET_READY) ## Start Superset, publish the dashboards, print their address
	$(BIN)/trailhouse dashboards start

dashboards-stop: $(READY) ## Stop Superset
	$(BIN)/trailhouse dashboards stop

$(SUPERSET_READY): $(SUPERSET_LOCK) | $(READY)
	$(PYTHON) -m venv $(SUPERSET_VENV)
	@echo "installing Superset into $(SUPERSET_VENV) (minutes the first time)"
	$(SUPERSET_VENV)/bin/pip install --quiet --requirement $(SUPERSET_LOCK)
	@touch $@

.PHONY: chromium
chromium: # The browser that the tests of the dashboards look through
	@if command -v chromium >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq chromium; \
	else \
	  echo "error: the tests of the dashboards need Chromium; install it (Debian: apt-get install chromium)" >&2; exit 2; \
	fi

screenshots: $(READY) $(SUPERSET_READY) chromium ## Take the screenshots of docs/images anew, of what `make demo` made
	$(BIN)/python -m tests.dashboards.superset.photograph docs/images
	$(BIN)/python -m tests.dashboards.passages.photograph docs/images
	$(BIN)/python -m tests.dashboards.report.photograph docs/images

# Coverage is measured over the tests that run in one process: it would make the others half as slow again.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

test: $(READY) $(SUPERSET_READY) chromium ## Run the whole test suite, and print what the tests without a server do not cover
	$(PYTEST) -m "not server and not slow" --cov --cov-report=term:skip-covered
	$(PYTEST) -m "server or slow" --durations=25

check: $(READY) ## Check style and types, and run the tests that need no server: the inner loop
	@$(MAKE) --no-print-directory lint
	$(PYTEST) --quiet -m "not server and not slow"

families: $(READY) ## Score and evaluate a tiny model of every type that transformers knows; write docs/reference/families.md
	$(BIN)/python -m tests.models.families.families_page docs/reference/families.md

reference: $(READY) ## Write the generated pages of docs/reference anew
	$(BIN)/python -m tests.documentation.reference.write_pages docs/reference

docs: reference ## Build the documentation as a site in site/, without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "built site/; with search: python3 -m http.server --directory site"

mutants: $(READY) ## Change the code at random places, and print how many changes the narrowest tests notice
	$(BIN)/python -m tests.mutants --sample $(or $(SAMPLE),60) --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED))

reliability: $(READY) $(SUPERSET_READY) chromium ## Kill, cut, fill, attack and soak it; print what was asked, done and passed
	$(BIN)/python -m pytest --numprocesses 0 --verbose -m "reliability or proves_reliability" \
	  --size $(or $(SIZE),ci) --seed $(or $(SEED),1) $(if $(AFTER_TESTS),--after-tests) $(if $(ONLY),-k "$(ONLY)")

lint: $(READY) ## Check style, types and SQL layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfmt --check dbt sql/questions

format: $(READY) ## Lay out Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfmt dbt sql/questions

serve: $(READY) ## Serve the embedded warehouse on http://127.0.0.1:8123
	$(BIN)/trailhouse serve

clean: ## Remove the environment and caches; data/ and figures/ stay
	-@[ ! -x $(BIN)/trailhouse ] || $(BIN)/trailhouse dashboards stop
	-@[ ! -x $(BIN)/trailhouse ] || $(BIN)/trailhouse stop
	rm -rf $(VENV) $(SUPERSET_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
