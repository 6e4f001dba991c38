# make demo: summaries of the sample texts; make test: the tests. Each installs what it needs first.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint
demo: $(VENV)/installed
	$(BIN)/python -m spacy bertsum summarize assets/sample

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

lint:
	ruff check .
	ruff format --check .

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(INSTALL) -e ".[test]"
	touch $@
