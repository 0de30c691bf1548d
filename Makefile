# Nothing here needs root, and everything it makes lies in .venv/ and .nox/.
#   make run     demonstration: the kiosk page with simulated patients and the bundled model
#   make pacs    a local Orthanc as archive and worklist, and what to add to `make run` to send to it
#   make test    every test on every Python that is here; ends with one line a session
#   make lint    style, Python 3.6 grammar, import contracts
#   make clean   remove .venv/ and .nox/
# PYTHON=python3.11 names another interpreter; ARGS='--port 8081' goes to what `make run` or `make pacs` starts;
# SESSIONS='lint device-3.6' picks some of the test sessions.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; sys.stdout.write("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV := .venv
TOOLS := .nox/tools
PIP := -m pip --disable-pip-version-check --quiet
NO_VENV := "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv"

# With it every process would compile all that it imports, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run pacs test lint clean python

help:
	@sed -n '/^#   make/s/^#   //p' Makefile

run: $(VENV)/project
	$(VENV)/bin/thermoscreen serve --demo $(ARGS)

pacs: $(VENV)/project
	@$(VENV)/bin/python -m fleet.pacs $(ARGS)

test: $(TOOLS)/ready
	@$(TOOLS)/bin/python tests/run_all.py $(SESSIONS)

lint: $(TOOLS)/ready
	@$(TOOLS)/bin/python -m nox --session lint

clean:
	rm -rf $(VENV) .nox

python:
	@test -n "$(VERSION)" || { echo "$(PYTHON) is not here; name an interpreter with PYTHON=..."; exit 1; }
	@$(PYTHON) requirements/choose.py >/dev/null

# The stamp carries the version, so that another PYTHON starts afresh.
$(VENV)/python-$(VERSION): | python
	@echo 'Making $(VENV) with Python $(VERSION).'
	@$(PYTHON) -m venv --clear $(VENV) || { echo $(NO_VENV); exit 1; }
	@touch $@

$(VENV)/libraries: $(VENV)/python-$(VERSION) requirements/pip.txt $(wildcard requirements/*.txt)
	@echo 'Installing the libraries of the device half (once; about 100 MB).'
	@if [ '$(VERSION)' = 3.6 ]; then $(VENV)/bin/python requirements/install.py requirements/pip.txt; fi
	@$(VENV)/bin/python requirements/install.py "$$($(VENV)/bin/python requirements/choose.py)"
	@touch $@

$(VENV)/project: $(VENV)/libraries setup.py setup.cfg
	@echo 'Installing the program.'
	@$(VENV)/bin/python $(PIP) install --no-deps --editable .
	@touch $@

$(TOOLS)/python-$(VERSION): | python
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 8))' || \
	    { echo 'The test run is started by Python 3.8 or newer; name one with PYTHON=...'; exit 1; }
	@rm -rf .nox  # environments made with another PYTHON break when that is exchanged beneath them
	@$(PYTHON) -m venv $(TOOLS) || { echo $(NO_VENV); exit 1; }
	@touch $@

$(TOOLS)/ready: $(TOOLS)/python-$(VERSION) requirements/nox.txt
	@echo 'Installing what runs the tests (once).'
	@$(TOOLS)/bin/python requirements/install.py requirements/nox.txt
	@touch $@
