# Everything a newcomer types. `tools/bootstrap.py` finds (or fetches) the Python 3.13 that Blender's module needs,
# makes .venv and installs what pyproject.toml pins; it returns at once when that has been done.
PYTHON3 ?= $(shell command -v python3 || command -v python || echo python3)
PY := .venv/bin/python
SHOT ?= chess

# Rooms whose tests must pass where bpy cannot be imported, and rooms that run on the bpy module.
FREE_ROOMS := $(wildcard tests/core tests/craft tests/media tests/estimate tests/frame)
BPY_ROOMS := $(wildcard tests/addon tests/cli)

# Where make can keep them apart, the output of targets that run side by side comes target by target.
APART := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: help ready test test-free test-bpy lint build demo bench blender-test clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

ready: ## set up .venv (done by every other target)
	@$(PYTHON3) tools/bootstrap.py

test: ready ## run all tests that need no installed Blender
	@echo "Two runs side by side; each is shown when it is over (some minutes)"
	@$(MAKE) --no-print-directory --keep-going --jobs=2 $(APART) test-bpy test-free

test-free: ready
	$(PY) -m pytest -q $(FREE_ROOMS) tests/test_house.py

test-bpy: ready
	$(PY) -m pytest -q $(BPY_ROOMS)

lint: ready ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

demo: ready ## model, ray-trace and rack a shot (SHOT=chess, cafe or letter)
	$(PY) -m blender_rackfocus demo --shot $(SHOT)

build: ready ## make and validate the extension's zips in dist/ (PLATFORM=linux-x64)
	$(PY) -m blender_rackfocus build --output dist $(if $(PLATFORM),--platform $(PLATFORM))

bench: ready ## accuracy and speed beside Blender's own nodes
	$(PY) -m benchmarks

blender-test: build ## install the zip in a real Blender 5.2 and test it there (root; makes a Debian sid chroot)
	bash tools/real_blender.sh dist

clean: ## remove what make made here (.venv, dist, demo, caches)
	rm -rf .venv dist demo out .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
