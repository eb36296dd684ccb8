# The project's commands. Each brings what it needs into .venv: Python >= 3.11 and make are enough.
.PHONY: install demo test check bench nightly constraints

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
FLOOR  := $(VENV)/floor/.installed
PEER   := $(VENV)/peer/.installed
MEMBERS := $(shell sed -n '/^members = \[/,/^\]/s/^ *"\(.*\)",$$/\1/p' pyproject.toml)
WORKSPACE := knows-workflows $(subst _,-,$(addprefix knows-,$(notdir $(MEMBERS))))
# The environment may switch bytecode off; the first start of every command would then compile everything again.
export PYTHONDONTWRITEBYTECODE :=
export UV_NO_PROGRESS := 1
# Trust what the machine trusts, as pip does: behind a company's proxy the bundled certificates alone do not suffice.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),true,false)

install: $(STAMP)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Knows Workflows needs Python >= 3.11, found " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# uv comes from the same pinned, hashed list as everything else.
$(BIN)/uv: constraints.txt | $(BIN)/python
	sed -n '/^uv==/,/[^\\]$$/p' constraints.txt > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	touch $@

$(STAMP): pyproject.toml constraints.txt $(MEMBERS:%=%/pyproject.toml) $(BIN)/uv
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install --quiet --compile-bytecode -c constraints.txt --group dev -e . $(MEMBERS:%=-e ./%)
	$(BIN)/python -m compileall -q $(MEMBERS)
	touch $@

demo: install
	$(BIN)/python -m knows_knowledge_ingestion.demo

test: install $(FLOOR) $(PEER)
	$(BIN)/python -m pytest

# The oldest versions that core supports, beside the newest: what a contract keeps of a type may not depend on them.
$(FLOOR): tests/core/floor.txt core/pyproject.toml | $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/floor
	VIRTUAL_ENV="$(CURDIR)/$(VENV)/floor" $(BIN)/uv pip install --quiet --no-deps --require-hashes -r tests/core/floor.txt
	VIRTUAL_ENV="$(CURDIR)/$(VENV)/floor" $(BIN)/uv pip install --quiet --no-deps -e ./core
	touch $@

# pubgrub-py, with which the resolver is compared, has wheels for Python 3.12 alone. Where there is no such Python the
# comparison is with what it said (tests/properties/peer_verdicts.txt).
$(PEER): tests/properties/peer.txt | $(STAMP)
	for python in python3.12 $(wildcard $(HOME)/.pyenv/versions/3.12*/bin/python3); do \
		$$python -c '' 2>/dev/null && $(BIN)/uv venv --quiet --clear --python $$python $(@D) && \
		VIRTUAL_ENV="$(CURDIR)/$(@D)" $(BIN)/uv pip install --quiet --no-deps --require-hashes -r $< && break; \
		rm -rf $(@D); done
	mkdir -p $(@D)
	touch $@

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pyright --warnings

bench: install $(PEER)
	$(BIN)/python -m tests.benchmarks

# The long level: so many faults that a zero bounds something, and durations are judged, not only told.
nightly: install
	KNOWS_TEST_NIGHTLY=1 KNOWS_TEST_KILLS=10000 KNOWS_TEST_POSTGRES_KILLS=2000 KNOWS_TEST_REDIS_KILLS=500 \
		KNOWS_TEST_CONTENDED_STEPS=1000 KNOWS_TEST_PAUSES=500 KNOWS_TEST_FLIPS=10000 KNOWS_TEST_CUTS=1000 \
		KNOWS_TEST_ONCE_KILLS=3000 KNOWS_TEST_UNDO_KILLS=1000 KNOWS_TEST_RETRY_KILLS=500 \
		$(BIN)/python -m pytest tests/crash
	KNOWS_TEST_KILLS=300 KNOWS_TEST_EXAMPLES=5000 KNOWS_TEST_VALUES=100000 $(BIN)/python -m pytest -rP tests/contracts
	KNOWS_TEST_FLOWS=20000 KNOWS_TEST_RECOVERING_FLOWS=20000 $(BIN)/python -m pytest tests/properties/test_crash_points.py \
		tests/properties/test_recovery_points.py

# Not needed to use or test the project: choose new versions of everything, exact, hashed, for every platform.
constraints: $(BIN)/uv
	printf -- '-e ./%s\n' . $(MEMBERS) | $(BIN)/uv pip compile - --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --group dev $(WORKSPACE:%=--no-emit-package %) --output-file constraints.txt
