SHELL := /bin/bash
# the Pythons that the package takes, and what setup asks of one
FITS = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
NEEDED := Python 3.11 to 3.14 with venv and ensurepip (Debian: apt install python3-venv)
PY ?= $(eval PY := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do command -v $$p >/dev/null && $$p -c '$(FITS)' 2>/dev/null && { echo $$p; break; }; done))$(PY)
V := .venv
BIN := $(V)/bin
# by the Python's own pip, if it has one: to install and compile another takes seconds; uv installs that, too
GET_UV := install -q --disable-pip-version-check uv==$(shell sed -n "s/^uv==//p" requirements.txt)
# a file to a worker, which makes its fixtures once; in this order, as files with few tests are the longest;
# of the tests on the local cloud a quarter of the time is waiting, so they take a worker more than cores
PARALLEL := -q --dist loadfile --no-loadscope-reorder
# what the first command imports: it would otherwise compile them while somebody waits
COMPILED := numpy pandas matplotlib seaborn PIL jinja2 markupsafe dateutil yaml
.DEFAULT_GOAL := help
.PHONY: help setup lab experiment report test test-chaos test-faults test-notebooks lint bench docs permissions lock clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(V)/.ok  ## make .venv with everything in it

experiment: $(V)/.ok  ## run the main notebook headless on the local cloud
	@$(BIN)/python -m lambdist_lib notebook notebooks/experiment.ipynb

report: $(V)/.ok  ## the newest experiment as one HTML file (RUN=ID: that one)
	@$(BIN)/lambdist report $(RUN)

lab: $(V)/.ok  ## open JupyterLab on copies of the notebooks, in notebooks/copies
	@$(BIN)/python -m lambdist_lib.notebooks.copies
	@$(BIN)/jupyter lab --ip=127.0.0.1 --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks/copies/experiment.ipynb --log-level=WARN --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(if $(filter 0,$(shell id -u)),--allow-root)

test: $(V)/.ok  ## run the whole test suite
	$(BIN)/python -m pytest $(PARALLEL) -n 2 tests/unit
	$(BIN)/python -m pytest $(PARALLEL) -n 3 tests/browser tests/notebooks tests/local_cloud

test-faults: $(V)/.ok  ## the full matrix of faults and 10,000 datapoints, minutes
	$(BIN)/python -m pytest -q -m faults

test-chaos: $(V)/.ok  ## kill and freeze every process amid runs, then resume, minutes
	$(BIN)/python -m pytest -q -m chaos

test-notebooks: $(V)/.ok  ## run each notebook without parameters, twenty minutes
	$(BIN)/python -m pytest -q -m unchanged

lint: $(V)/.ok  ## what the tests check of style, alone
	$(BIN)/python -m pytest -q tests/unit/project/test_style.py

bench: $(V)/.ok  ## bounds on speed as a table, 15 minutes (OLD=FOLDER: beside it)
	@$(BIN)/python benchmarks/run_all.py $(if $(OLD),--old $(OLD))

docs: $(V)/.ok  ## the documentation and the Python API as pages, into build/docs/
	$(BIN)/sphinx-build -q -W -b html docs build/docs

permissions: $(V)/.ok  ## write cloudformation/permissions.md from the templates
	PYTHONPATH=cloudformation $(BIN)/python -m permissions.table

lock: $(V)/.ok  ## pyproject.toml into requirements.txt (UPGRADE=--upgrade: newest)
	$(BIN)/uv pip compile -q $(UPGRADE) --universal --no-header --no-emit-index-url --no-annotate --python-version 3.11 --all-extras pyproject.toml -o requirements.txt

clean:  ## end the local cloud, remove what set-up and runs made but results
	-@if [ -x $(BIN)/lambdist ]; then $(BIN)/lambdist cloud stop --force; fi
	rm -rf $(V) .lambdist build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(V)/.ok: requirements.txt pyproject.toml
	@test -n "$(PY)" || { echo "no $(NEEDED) found; name one: make setup PY=/path/to/python3.12"; exit 1; }
	@command -v "$(PY)" >/dev/null || { echo "PY=$(PY) not found; name one that exists: make setup PY=/path/to/python3.12"; exit 1; }
	@"$(PY)" -c '$(FITS)' 2>/dev/null || { echo "PY=$(PY) is $$("$(PY)" --version 2>&1); needed: $(NEEDED)"; exit 1; }
	"$(PY)" -m venv --without-pip $(V)
	"$(PY)" -m pip --python $(BIN)/python $(GET_UV) 2>/dev/null \
	  || { "$(PY)" -m venv $(V) && $(BIN)/python -m pip $(GET_UV); } || true
	UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install -q --python $(BIN)/python -r requirements.txt pip -e . \
	  || { "$(PY)" -m venv $(V) && $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt -e .; }
	@$(BIN)/python -m compileall -q -j 0 -x /tests/ lambdist_lib $(addprefix $(V)/lib/python3*/site-packages/,$(COMPILED)) || true
	@touch $@
