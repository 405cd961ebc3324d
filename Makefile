# `make test` and `make demo` set up all they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: venv demo test fuzz lint format clean

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

test: lint
	$(BIN)/python -m pytest

# make fuzz                        cases drawn anew, at least 5,000
# make fuzz SEED=1                 those of a seed, once more
fuzz: SEED := $(if $(SEED),$(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
fuzz: $(READY)
	FUZZ_PROFILE=fuzz FUZZ_REPORT=docs/reliability.md \
		$(BIN)/python -m pytest tests/fuzz --hypothesis-seed=$(SEED)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo_output .pytest_cache .ruff_cache .hypothesis *.egg-info
