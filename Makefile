# Two words: `make run` shows the whole system working; `make test` proves it. The rest serves those who change it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Quiet and offline-friendly: the locks name versions and hashes, never an address, so any index that has the files will do.
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test check lock clean

run: $(VENV)/run.stamp
	@$(BIN)/replicas run --demo

# Four at once on any machine: most tests wait for processes and clocks. A file stays together, because what it starts is shared inside it.
test: check
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile

# Everything that can be said of the code without running it.
check: $(VENV)/test.stamp
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --config pyproject.toml

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml requirements.lock
	$(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp tests/requirements.lock
	$(PIP) install --require-hashes --requirement tests/requirements.lock
	@touch $@

# Needs uv on the path. uv.lock is not committed because it records download addresses; these two files do not.
lock:
	uv lock --upgrade
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --output-file requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --group test --output-file tests/requirements.lock

clean:
	rm -rf $(VENV) var
