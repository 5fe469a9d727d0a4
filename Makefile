# Two words: `make run` shows the whole system working; `make test` proves it. The rest serves those who change it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Quiet and offline-friendly: the locks name versions and hashes, never an address, so any index that has the files will do.
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test check simulate mutate chaos bench lock clean

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

# A quarter of an hour: 500 jobs and 200 faults over each ledger, drawn from a seed. SEED=7 draws those of 7 again.
chaos: $(VENV)/test.stamp
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED))

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml requirements.lock
	$(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp tests/requirements.lock
	$(PIP) install --require-hashes --requirement tests/requirements.lock
	@touch $@

# The whole pipeline under a virtual clock: 20,000 seeds of bad weather, then every classic mistake put in to see that it is seen. Some ten minutes.
simulate: $(VENV)/test.stamp
	@$(BIN)/python -m tests.simulation --seeds 20000 --mutants

# Each cell of the tables of failures, moves and sentences changed, one after the other: what no promise notices is printed. Some five minutes.
mutate: $(VENV)/test.stamp
	@$(BIN)/python -m tests.mutation

$(VENV)/bench.stamp: $(VENV)/test.stamp tests/benchmarks/requirements.lock
	$(PIP) install --require-hashes --requirement tests/benchmarks/requirements.lock
	@touch $@

# What it costs and how fast it is, beside others on the same machine: half an hour and more. NAMES="pipeline storm" runs those alone.
bench: $(VENV)/bench.stamp
	@$(BIN)/python -m tests.benchmarks $(NAMES)

# Needs uv on the path. uv.lock is not committed because it records download addresses; these two files do not.
lock:
	uv lock --upgrade
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --output-file requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --group test --output-file tests/requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --group test --group bench --output-file tests/benchmarks/requirements.lock

clean:
	rm -rf $(VENV) var
