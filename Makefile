# Two words: `make run` shows the whole system working; `make test` proves it. The rest serves those who change it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TAVUS  := .venv-tavus
# Quiet and offline-friendly: the locks name versions and hashes, never an address, so any index that has the files will do.
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Not compiled: most of it is never imported, and what is, Python compiles when it first is.
INSTALL := install --no-compile --require-hashes --requirement
# Bytecode is kept, whatever the shell says: the tests start hundreds of processes, and each would compile all there is anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test suite debian check types lint simulate mutate chaos bench soak previous lock clean

run: $(VENV)/run.stamp
	@$(BIN)/replicas run --demo

# First what takes a minute, then what takes a quarter of an hour; with `--jobs=2` both at once, and the tests' own summary is still the last word.
test: check suite

# Four at once on any machine: most tests wait for processes and clocks. A file stays together, because what it starts is shared inside it; in their own
# order, for the longest tests are few in their files, and the first: begun last, they would keep one process busy while three have nothing to do.
suite: $(VENV)/test.stamp $(VENV)/traces/stamp $(TAVUS)/stamp debian
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

# What Debian has: Chromium, for pages as people see them, and promtool, for the rules of the alerts. It needs nothing of the rest, so with `--jobs=2`
# it is fetched while pip works. One after the other: apt lets nobody in beside it.
debian:
	@tests/debian prometheus promtool
	@tests/debian chromium chromium

# Everything that can be said of the code without running it.
check: types lint

types: $(VENV)/test.stamp $(VENV)/traces/stamp
	@$(BIN)/mypy

lint: $(VENV)/test.stamp
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --config pyproject.toml

# A quarter of an hour: 500 jobs and 200 faults over each ledger, drawn from a seed. SEED=7 draws those of 7 again.
chaos: $(VENV)/test.stamp
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED))

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml requirements.lock
	$(PIP) $(INSTALL) requirements.lock
	$(PIP) install --no-compile --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp tests/requirements.lock
	$(PIP) $(INSTALL) tests/requirements.lock
	@touch $@

# The extra `traces`, which only its own tests see.
$(VENV)/traces/stamp: tests/traces.lock | $(VENV)/bin/python
	$(PIP) $(INSTALL) $< --no-deps --upgrade --target $(VENV)/traces
	@touch $@

# Tavus' own client, which the tests hold against the sandbox. Apart: it may need other versions than those that are shipped. Without
# dependencies of its own finding, because the lock leaves out what its command does not need.
$(TAVUS)/stamp: tests/tavus_cli/requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m venv --clear --without-pip $(TAVUS)
	$(PIP) --python $(TAVUS)/bin/python $(INSTALL) $< --no-deps
	@touch $@

# The whole pipeline under a virtual clock: 20,000 seeds of bad weather, then every classic mistake put in to see that it is seen. Some ten minutes.
simulate: $(VENV)/test.stamp
	@$(BIN)/python -m tests.simulation --seeds 20000 --mutants

# Each cell of the tables of failures, moves and sentences changed, one after the other: what no promise notices is printed. Some five minutes.
mutate: $(VENV)/test.stamp
	@$(BIN)/python -m tests.mutation

$(VENV)/bench.stamp: $(VENV)/test.stamp tests/benchmarks/requirements.lock
	$(PIP) $(INSTALL) tests/benchmarks/requirements.lock
	@touch $@

# What it costs and how fast it is, beside others on the same machine: half an hour and more. NAMES="pipeline storm" runs those alone.
bench: $(VENV)/bench.stamp
	@$(BIN)/python -m tests.benchmarks $(NAMES)

# Hours under a steady load and a faulty Tavus, to see what grows: DURATION=2h, which is usual, or 3m for a trial.
soak: $(VENV)/test.stamp
	@$(BIN)/python -m tests.soak $(if $(DURATION),--duration $(DURATION))

# After a release, with the commit that was released: the code that the next one is upgraded from, which tests/upgrade runs beside it.
previous: $(VENV)/run.stamp
	@test -n "$(COMMIT)" || { echo "make previous COMMIT=..., the commit that was released"; exit 2; }
	@rm -rf var/previous && mkdir -p var/previous
	@git archive $(COMMIT) | tar -x -C var/previous
	@cd var/previous && $(CURDIR)/$(BIN)/python -m hatchling build --target wheel --directory .
	@mv var/previous/*.whl tests/upgrade/previous.whl && rm -rf var/previous

# Needs uv on the path. uv.lock is not committed because it records download addresses; these files do not.
lock:
	uv lock --upgrade
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --output-file requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --group test --output-file tests/requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-default-groups --group build --group test --group bench --output-file tests/benchmarks/requirements.lock
	uv export --quiet --format requirements-txt --no-emit-project --no-header --only-group traces --prune typing-extensions --prune opentelemetry-api --output-file tests/traces.lock
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --override tests/tavus_cli/left_out.txt tests/tavus_cli/requirements.in --output-file tests/tavus_cli/requirements.lock

# Not all of var: where REPLICAS_HOME is not set, it holds the ledger of what was paid.
clean:
	rm -rf $(VENV) $(TAVUS) var/demo var/bench* var/soak var/previous
