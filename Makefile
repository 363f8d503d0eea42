# Everything that one does with this project. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
READY := .venv/.ready
SERVE ?= 1
PYTEST_ARGS ?=

.PHONY: help demo test setup engine serve lint format types imports check bench image postgres-image lock docs clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## a whole contest on this machine, then the board (SERVE=0: without the board)
	@DOCKER_HOST=$$(scripts/ensure_engine.sh); export DOCKER_HOST; scripts/ensure_base_image.sh; \
	ARENA_BASE_IMAGE=$${ARENA_BASE_IMAGE:-arena-base:1} $(BIN)/arena demo $(if $(filter 0 no false,$(SERVE)),--no-serve)

test: setup ## every test, those with containers and a browser included (PYTEST_ARGS="-k name")
	@scripts/ensure_test_tools.sh
	@scripts/run_tests.sh $(PYTEST_ARGS)

setup: $(READY) ## the environment in .venv, out of the lock file
	@:

$(READY): requirements/lock.txt requirements/bootstrap.txt pyproject.toml challenges/chest-phantom/metric/pyproject.toml scripts/setup_venv.sh
	@scripts/setup_venv.sh

engine: setup ## a container engine that answers, and the base image in it
	@DOCKER_HOST=$$(scripts/ensure_engine.sh); export DOCKER_HOST; scripts/ensure_base_image.sh

serve: setup ## server and worker on the state in ARENA_HOME
	@DOCKER_HOST=$$(scripts/ensure_engine.sh); export DOCKER_HOST; exec $(BIN)/arena serve

lint: setup ## style and spelling
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/codespell

format: setup ## mend the style where a tool can
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

types: setup ## strict static types
	@$(BIN)/mypy
	@$(BIN)/mypy scripts

imports: setup ## which room may import which
	@$(BIN)/lint-imports --no-cache

check: lint types imports ## all of lint, types and imports

bench: setup ## what Arena adds to the cost of a case
	@DOCKER_HOST=$$(scripts/ensure_engine.sh); export DOCKER_HOST; scripts/ensure_base_image.sh; \
	$(BIN)/python -m benchmarks.run

image: setup ## Arena's own container image, arena:local
	@DOCKER_HOST=$$(scripts/ensure_engine.sh); export DOCKER_HOST; scripts/ensure_base_image.sh; scripts/build_image.sh

postgres-image: setup ## a PostgreSQL image out of Debian's package, arena-postgres:1
	@DOCKER_HOST=$$(scripts/ensure_engine.sh); export DOCKER_HOST; scripts/build_postgres_image.sh

docs: setup ## the tables of docs/ that are made out of the code
	@$(BIN)/python -m scripts.reference_pages --write

lock: setup ## choose the newest allowed versions and write them down with their hashes
	@scripts/lock.sh

clean: ## remove what was made here (not the state in ARENA_HOME, not the image cache)
	rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache ./*.egg-info
