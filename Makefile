# `make test` and `make demo` set up all they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OLDEST := .venv-oldest
PEERS := .venv-peers
WORKERS ?= 2

# Processes of one thread each. scipy reads SCIPY_ARRAY_API when it is imported; with it,
# scikit-learn's suite checks array API input, too.
TEST_ENV := SCIPY_ARRAY_API=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Slow tests of one file share what they start: they stay in one process.
PYTEST := python -m pytest -n $(WORKERS) --dist

.PHONY: venv demo test test-slow test-oldest test-faults fuzz bench peers paper docs dist
.PHONY: lint format clean

venv: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# make demo                        generated ECG, nothing to download
# make demo DATA=../shared/data    Bach10 and semi-real fetal ECG from recordings
demo: $(READY)
	$(BIN)/python -m benchmarks.demo $(if $(DATA),--data "$(DATA)")

# make test                        in two processes
# make test WORKERS=8
test: lint
	$(TEST_ENV) $(BIN)/$(PYTEST) worksteal -m "not slow"

# memory, Dask, processes of their own, long trainings
test-slow: $(READY)
	$(TEST_ENV) $(BIN)/$(PYTEST) loadfile -m slow

# both with the oldest supported release of every dependency
test-oldest: $(OLDEST)/.ready
	$(TEST_ENV) $(OLDEST)/bin/$(PYTEST) loadfile

$(OLDEST)/.ready: pyproject.toml constraints.txt constraints-oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --upgrade pip
	$(OLDEST)/bin/python -m pip install --quiet --constraint constraints.txt \
		--constraint constraints-oldest.txt --editable ".[test]"
	touch $@

# make fuzz                        cases drawn anew, at least 5,000
# make fuzz SEED=1                 those of a seed, once more
fuzz: SEED := $(if $(SEED),$(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
fuzz: $(READY)
	$(TEST_ENV) FUZZ_PROFILE=fuzz FUZZ_REPORT=docs/reliability.md \
		$(BIN)/python -m pytest tests/fuzz --hypothesis-seed=$(SEED)

# trainings killed or interrupted at random moments, two processes in one folder, full
# disks: a quarter of an hour, tables at the end
test-faults: SEED ?= 0
test-faults: $(READY)
	$(TEST_ENV) PYTHONPATH=tests $(BIN)/python -m faults $(SEED)

# make bench                       every benchmark in some minutes: docs/benchmarks.md
# make bench FORM=full             in hours
bench: FORM ?= quick
bench: $(READY)
	$(BIN)/python -m benchmarks.all --$(FORM)

# make peers ARGS="--data ../shared/data"        hours: docs/peers.md
# make peers ARGS="--experiment ecg --only dprnn --seeds 0 --budgets 60 120"
peers: $(PEERS)/.ready
	$(TEST_ENV) $(PEERS)/bin/python -m benchmarks.bench_peers $(ARGS)

# The packages of the models that are compared, without most of what they require.
$(PEERS)/.ready: pyproject.toml constraints.txt benchmarks/peers/requirements*.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet --constraint constraints.txt \
		--requirement benchmarks/peers/requirements-imports.txt --editable ".[audio,plot]"
	$(PEERS)/bin/python -m pip install --quiet --no-deps \
		--requirement benchmarks/peers/requirements.txt
	touch $@

# make paper                       the shape of the paper's tables: docs/paper/quick
# make paper ARGS="all --data ../shared/data"   the tables, in hours: docs/paper
paper: ARGS ?= all --quick
paper: $(READY)
	$(BIN)/python -m benchmarks.paper $(ARGS)

# make dist                        sdist and wheel in dist/
dist: $(READY)
	rm -rf build dist
	$(BIN)/python -m build --outdir dist

# make docs                        docs/_build/html/index.html, with the gallery's figures
# make docs ARGS="-D sphinx_gallery_conf.plot_gallery=0"     without them, in a minute
docs: $(READY)
	$(TEST_ENV) $(BIN)/python -m sphinx -W --keep-going $(ARGS) \
		-d docs/_build/doctrees docs docs/_build/html

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(OLDEST) $(PEERS) demo_output docs/_build docs/api docs/gallery build dist
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
