# Everything is made inside .venv from hash-locked lists; nothing outside the checkout is touched.
# Every target only calls documented commands, which also work without make.
#
# Settings: PYTHON (which interpreter), WORKERS (test processes), TESTS (what to test),
# FILE (labelled items, for eval), ARGS (of bench and eval),
# IMAGE and BASE (names of the container image and of what it is built from), SOURCE (of site).

PYTHON ?= python3
WORKERS ?= auto
TESTS ?= tests
IMAGE ?= localhost/regulatory-monitor:dev
BASE ?= python:3.13-slim

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
HASHED := install --require-hashes --requirement

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run test lint eval container bench site dist lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## poll bundled sample feeds and deliver a digest into outbox/, without any set-up
	@$(BIN)/monitor demo

run: $(VENV)/.runtime ## start the service on config.yaml
	@$(BIN)/monitor run

test: $(VENV)/.dev ## run the test suite (make test TESTS=tests/test_cli.py for a part)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile $(TESTS)

lint: $(VENV)/.dev ## check format, style, types, direction of imports, the Dockerfile and the workflows
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint Dockerfile
	$(BIN)/zizmor --offline --quiet --no-progress .github/workflows

eval: $(VENV)/.runtime ## score detection on labelled items: make eval FILE=items.jsonl (ARGS="--errors" lists the mistakes)
	@test -n "$(FILE)" || { echo "make eval: name the labelled items: make eval FILE=items.jsonl" >&2; exit 2; }
	@$(BIN)/monitor eval "$(FILE)" $(ARGS)

container: ## build the container image and check it running (docker, podman or buildah)
	@.ci/container/build $(IMAGE) $(BASE)
	@.ci/container/check $(IMAGE)

bench: $(VENV)/.runtime ## measure intake on 500 feeds of 50 entries, beside lemon24/reader (about two minutes)
	@$(BIN)/python benchmarks/intake.py $(ARGS)

site: $(VENV)-site/.made ## build the documentation as a site in dist/site (SOURCE=address of the checkout makes links to files)
	@$(BIN)/python .ci/site.py dist/pages $(SOURCE)
	@$(VENV)-site/bin/zensical build --strict

dist: ## build the packages of a release into dist/, and try them in an environment of their own
	@PYTHON=$(PYTHON) .ci/dist

lock: ## write the hash-locked lists anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "make lock: uv is not installed; 'pipx install uv' installs it" >&2; exit 2; }
	.ci/lock

clean: ## remove what the targets above made, and no data: .venv, caches, dist
	rm -rf $(VENV) $(VENV)-site dist .cache .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# --- the environment ------------------------------------------------------------------------------
# A stamp is written when its step has ended well, so a second run costs nothing and an interrupted
# one is taken up again. It is older than the lists it was made from as soon as one of them changes.

define install_package
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
endef

$(VENV)/.runtime: requirements.lock requirements-build.lock pyproject.toml $(VENV)/.made
	@echo "Installing the locked dependencies into $(VENV)" >&2
	@$(PIP) $(HASHED) requirements.lock
	@$(PIP) $(HASHED) requirements-build.lock
	$(install_package)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml $(VENV)/.made
	@echo "Installing the locked dependencies and test tools into $(VENV)" >&2
	@$(PIP) $(HASHED) requirements-dev.lock
	$(install_package)
	@touch $(VENV)/.runtime $@

$(VENV)-site/.made: requirements-docs.lock $(VENV)/.made
	@echo "Installing what builds the site into $(VENV)-site" >&2
	@$(PYTHON) -m venv $(VENV)-site
	@$(VENV)-site/bin/python -m pip --disable-pip-version-check -qq $(HASHED) requirements-docs.lock
	@touch $@

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no $(PYTHON) here; install Python 3.11 or newer, or name one: make PYTHON=python3.13" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) -V); name another: make PYTHON=python3.13" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@
