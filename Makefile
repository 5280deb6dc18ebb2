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

.PHONY: demo test lint bench setup list clean-results lock help

demo: $(READY)
	@$(SNAKEMAKE) demo $(ARGS) $(CONFIG)
	@echo; $(BIN)conpet show --experiment demo

test: $(READY)
	@$(BIN)python -m pytest $(ARGS)

lint: $(READY)
	@$(BIN)ruff check .
	@$(BIN)ruff format --check .
	@$(BIN)mypy

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
	@find results -mindepth 1 -maxdepth 1 ! -name models ! -name data ! -name README.md \
	    ! -name published -exec rm -rf {} +

# Write the installed versions into requirements.lock (without a build's local tag).
lock: $(READY)
	@{ sed -n '/^#/p' requirements.lock; \
	   $(BIN)python -m pip list --format=freeze --exclude-editable \
	       --exclude pip | sed 's/+[a-z0-9]*$$//' | sort -f; } > .lock.tmp
	@mv .lock.tmp requirements.lock

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
	@echo "make lint   ruff and mypy"
	@echo "make bench  how fast this is, against the plain ways (ARGS=... for python -m benchmarks speed)"
	@echo "make list   experiments and what can be made of them"
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
