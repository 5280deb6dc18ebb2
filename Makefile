# make demo   set up and run the demo        make test   set up and run the tests
# make help   the rest
#
# PYTHON=python3.12   another interpreter    VENV=DIR    another folder for the environment
# VENV=               what is on the PATH (an activated conda environment), nothing is set up
# CORES=2             how many at once       MIRROR=DIR  a folder that holds the downloads
# PIP_ARGS=...        more options for pip   ARGS=...    more options for snakemake or pytest

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV ?= .venv
PYTHON ?=
CORES ?= all
MIRROR ?=
PIP_ARGS ?=
ARGS ?=

ifeq ($(strip $(VENV)),)
BIN :=
READY :=
else
BIN := $(VENV)/bin/
READY := $(VENV)/.ready
endif

# quiet twice: errors only
PIP = $(BIN)python -m pip install -qq --disable-pip-version-check $(PIP_ARGS)
SNAKEMAKE = $(BIN)snakemake --cores $(CORES)
CONFIG = $(if $(MIRROR),--config mirror=$(MIRROR))

.PHONY: demo test test-quick test-oldest lint docs docs-check kill-campaign bench setup list clean-results lock help

demo: $(READY)
	@$(SNAKEMAKE) demo $(ARGS) $(CONFIG)
	@echo; $(BIN)conpet show --experiment demo

test: $(READY)
	@$(BIN)python -m pytest $(ARGS)

# two at a time, without the modules marked slow: they run workflows and servers
test-quick: $(READY)
	@$(BIN)python -m pytest -m "not slow" -n 2 $(ARGS)

# The same with the oldest versions that pyproject.toml allows, in an environment of its own.
# Torch goes in first: OLDEST_TORCH=2.14.1 takes another one, PIP_ARGS says where from.
OLDEST ?= .venv-oldest
OLDEST_TORCH ?= $(shell sed -n 's/.*"torch>=\([^,]*\),.*/\1/p' pyproject.toml)
OLDEST_PIP = $(OLDEST)/bin/python -m pip install -qq --disable-pip-version-check $(PIP_ARGS)
test-oldest: $(OLDEST)/.ready
	@PATH="$(abspath $(OLDEST))/bin:$$PATH" $(OLDEST)/bin/python -m pytest $(ARGS)

lint: $(READY)
	@$(BIN)ruff check .
	@$(BIN)ruff format --check .
	@$(BIN)mypy
	@$(BIN)lint-imports --no-cache | tail -n 1
	@$(BIN)snakefmt --check Snakefile workflow/rules
	@$(BIN)python workflow/scripts/lint.py

# The documents as a site, site/index.html: a warning, or a link that leads nowhere, is an error.
# All is read anew: a page that was read before would be silent about its warnings.
docs: $(READY)
	@rm -rf .cache/site
	@$(BIN)python -m sphinx -q -W --keep-going -c docs/sphinx -d .cache/site/read . .cache/site/made $(ARGS)
	@rm -rf site && mv .cache/site/made site
	@echo "site/index.html"

# Every command that stands in a document: parsed, and run as far as minutes allow.
docs-check: $(READY)
	@$(BIN)python -m tests.campaigns.documents

# Kill a small workflow at random moments (ARGS=... for tests.campaigns.kills).
kill-campaign: $(READY)
	@$(BIN)python -m tests.campaigns.kills $(ARGS)

# ours, the plain ways and the machine's limit, in turn: results/bench/speed (docs/performance.md)
bench: $(READY)
	@$(SNAKEMAKE) results/models/minilm $(CONFIG)
	@$(BIN)python -m benchmarks speed --snapshot results/models/minilm --out results/bench/speed $(ARGS)

setup: $(READY)

# What can be asked for: experiments, tables and figures.
list: $(READY)
	@$(BIN)conpet targets

# Models and raw data stay: they are downloads.
clean-results:
	@find results/ -mindepth 1 -maxdepth 1 ! -name models ! -name data ! -name README.md \
	    ! -name published -exec rm -rf {} +

# Write the installed versions into requirements.lock (without a build's local tag).
lock: $(READY)
	@{ sed -n '/^#/p' requirements.lock; \
	   $(BIN)python -m pip list --format=freeze --exclude-editable \
	       --exclude pip | sed 's/+[a-z0-9]*$$//' | sort -f; } > .lock.tmp
	@mv .lock.tmp requirements.lock

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
	@echo "make test-oldest     the tests with the oldest versions allowed"
	@echo "make lint   ruff, mypy, layers, the workflow's rules"
	@echo "make docs   the documents as a site: site/index.html"
	@echo "make docs-check      every command of the documents: can it be typed?"
	@echo "make kill-campaign   kill a small workflow at random moments, and compare"
	@echo "make test-quick   the tests that take no long time: under two minutes"
	@echo "make bench  how fast this is, against the plain ways (ARGS=... for python -m benchmarks speed)"
	@echo "make list   experiments and what can be made of them (sets up first, where nothing is)"
	@echo "make setup  the environment alone"
	@echo "make clean-results   remove results, keep models and raw data"
	@echo "make lock   write the installed versions into requirements.lock"

# The first Python that is new enough; one line if there is none.
$(VENV)/.ready: requirements.lock pyproject.toml
	@new='import sys; sys.exit(sys.version_info < (3, 11))'; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	    if "$$python" -c "$$new" 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "conpet: error: no Python 3.11 or later: install one, or make $(MAKECMDGOALS) PYTHON=PATH" >&2; \
	    exit 1; fi; \
	echo "1/3 environment $(VENV) ($$("$$found" --version))"; "$$found" -m venv $(VENV)
	@echo "2/3 torch"
	@$(PIP) "$$(grep '^torch==' requirements.lock)" --constraint requirements.lock
	@echo "3/3 $$(grep -c == requirements.lock) packages, exact versions"
	@$(PIP) --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The oldest Python that there is, of those that will do.
$(OLDEST)/.ready: tests/oldest.py pyproject.toml
	@for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "conpet: error: no Python 3.11 or later: install one, or make test-oldest PYTHON=PATH" >&2; \
	    exit 1; fi; \
	"$$found" -m venv --clear $(OLDEST)
	@$(OLDEST_PIP) "torch==$(OLDEST_TORCH)"
	@$(OLDEST)/bin/python tests/oldest.py --but torch > $(OLDEST)/oldest.txt
	@$(OLDEST_PIP) --requirement $(OLDEST)/oldest.txt "torch==$(OLDEST_TORCH)" "setuptools>=77"
	@$(OLDEST_PIP) --no-deps --no-build-isolation --editable .
	@touch $@
