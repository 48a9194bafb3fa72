# netwright: `make search` shows what it does, `make test` shows that it works.
# A processor-only machine with Linux saves gigabytes by the wheels without CUDA:
#     make search PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"

PYTHON ?= python3
PIP_OPTIONS ?=
BIN := .venv/bin
INSTALLED := .venv/installed
TOOLS := .venv/tools

.PHONY: help install tools search test test-slow test-browser check format lock benchmarks clean

help:            ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(INSTALLED)  ## create .venv with netwright and what a search needs, in the tested versions

tools: $(TOOLS)  ## add the extras (Ray, Optuna, TensorBoard, ONNX, translation) and what the tests and checks need

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(PIP_OPTIONS) --constraint constraints.txt --editable .
	touch $@

$(TOOLS): $(INSTALLED)
	$(BIN)/pip install $(PIP_OPTIONS) --constraint constraints.txt --editable '.[dev]'
	touch $@

search: install  ## search networks for handwritten digits: about 2 minutes, no data to download
	$(BIN)/netwright search digits

test: tools    ## every test that takes at most 15 seconds, on up to 4 cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: tools  ## the long tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --numprocesses auto --maxprocesses 2 --dist loadfile

test-browser: tools  ## the report in a headless Chromium
	@PYTHONPATH=tests $(BIN)/python -c 'import sys; from oracles.chromium import installed; sys.exit(not installed())' || \
		{ echo "No Chromium here. Debian, Ubuntu: sudo apt-get install chromium; Fedora: sudo dnf install chromium;"; \
		  echo "macOS: brew install --cask chromium, and put a link named chromium on the PATH."; exit 1; }
	$(BIN)/python -m pytest -rs tests/report/test_in_browser.py

check: tools   ## format, lint, types, layer contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: tools  ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmarks: tools  ## what the documentation claims to be fast
	$(BIN)/python benchmarks/controller.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/children.py

lock: tools    ## write the installed versions to constraints.txt
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt

clean:           ## remove what the other targets made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
