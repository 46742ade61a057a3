# Works with GNU make 3.81 (macOS) and newer. `make` alone lists the targets.

PYTHON ?= python3
FLAGS ?=

BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-notebooks test-matrix torture fuzz lint format critters notebooks clean

help: ## list the targets
	@echo "dreaminpainter: each target makes .venv first where it is needed."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  PYTHON=python3.12   the Python (3.11 or newer) that .venv is made with'
	@echo '  FLAGS="..."         passed on to the demo or to pytest: make demo FLAGS="--trainer.max_steps 20"'

demo: $(STAMP) ## train the model in the box for a minute more, then fill holes: runs/quickstart/gallery.png
	@$(BIN)/dreaminpainter demo $(FLAGS)

test: $(STAMP) ## run the tests, all but the slow ones
	@$(BIN)/python -m pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadgroup --durations=5 $(FLAGS)

test-slow: $(STAMP) ## run the slow tests
	@$(BIN)/python -m pytest -m slow --numprocesses auto --maxprocesses 4 --dist loadgroup --durations=5 $(FLAGS)

test-notebooks: $(STAMP) ## execute the notebooks and compare what kinds of outputs they give
	@$(BIN)/python -m pytest -m slow tests/test_notebooks.py -k executing_anew --numprocesses 2 --durations=5 $(FLAGS)

torture: $(STAMP) ## kill fits and preparations at random moments and compare their ends: FLAGS="--kills 3"
	@$(BIN)/python -m benchmarks torture $(FLAGS)

test-matrix: $(STAMP) ## run the tests with the oldest and the newest versions that are allowed: FLAGS="--resolve" only names them
	@.ci/matrix $(FLAGS)

fuzz: $(STAMP) ## give hostile input to all that reads files: FLAGS="--minutes 1"
	@$(BIN)/python -m benchmarks fuzz $(FLAGS)

critters: $(STAMP) ## make the model in the box anew: fit, pack, measure (four hours on a CPU; killed, it goes on)
	@$(BIN)/dreaminpainter fit --config configs/critters.yaml
	@$(BIN)/python -m benchmarks pack
	@$(BIN)/python -m benchmarks critters
	@$(BIN)/python -m benchmarks progress
	@$(BIN)/python -m benchmarks pictures
	@$(BIN)/dreaminpainter fit --config configs/critters.yaml --config configs/critters_small.yaml
	@$(BIN)/python -m benchmarks pack --checkpoint runs/critters_small/checkpoints/last.ckpt --output tests/models/critters_small

notebooks: $(STAMP) ## execute the notebooks anew
	@$(BIN)/python -m notebooks.build

lint: $(STAMP) ## check style, format, types and the direction of imports
	@echo "==> ruff check"
	@$(BIN)/ruff check --quiet
	@echo "==> ruff format"
	@$(BIN)/ruff format --check --quiet --diff
	@echo "==> mypy --strict"
	@$(BIN)/mypy
	@echo "==> import-linter"
	@$(BIN)/lint-imports --no-logo

format: $(STAMP) ## mend what can be mended of style and format
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

clean: ## remove caches and build leftovers; .venv and runs/ stay
	@rm -rf build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Installs again only when what is asked for has changed; needs no network otherwise.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "dreaminpainter needs Python 3.11 or newer, and '$(PYTHON)' is not. Name one that is:" >&2; \
		echo "    make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "==> making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "==> installing (on Linux about 5 GB, most of it torch; once)"
	@{ $(PIP) uv && $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable ".[dev]"; } \
		|| { echo "==> uv could not install; trying pip, which takes a few minutes"; $(PIP) --editable ".[dev]"; }
	@touch $@
