# Two commands on a fresh machine: make demo, make test. Both build .venv from the locked, hash-checked dependencies first.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
FUZZING := .venv/.fuzzing
ORACLE := .venv/.oracle

# Every test starts flux, and each flux would compile its modules anew where this is set.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test campaign lint bench fuzz docs clean

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "flux needs Python 3.11 or later: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

# The example batches through the real pipeline, from an empty installation in a scratch folder.
demo: $(READY)
	@$(BIN)/python examples/demo.py

# The official EN 16931 sheets and their engine, beside which tests run ours: no dependency of flux, and none of theirs is wanted.
$(ORACLE): requirements-oracle.lock $(READY)
	$(BIN)/pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements-oracle.lock
	@touch $(ORACLE)

# Lint, types, then every test. What needs a system part or the shared corpus says so when it is skipped.
test: lint $(ORACLE)
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Everything of the tests that takes long, with one table: docs/reliability.md. Some of it: make campaign PARTS="crash --every 5".
campaign: $(READY)
	$(BIN)/python tests/campaign.py $(PARTS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

# Side by side with the bare floor; prints the figures and writes the table of benchmarks/README.md.
bench: $(READY)
	$(BIN)/python benchmarks/run.py

$(FUZZING): requirements-fuzz.lock $(READY)
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements-fuzz.lock
	@touch $(FUZZING)

# Four targets, a minute each: make fuzz. One of them: make fuzz TARGET=xml RUNS=1000000, which also writes its row of docs/reliability.md.
fuzz: $(FUZZING)
	@$(BIN)/python fuzz/run.py $(TARGET) $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS))

# The pages that are generated from the tables and the settings.
docs: $(READY)
	$(BIN)/python -m flux.docs

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache demo fuzz/corpus fuzz/grown fuzz/found
