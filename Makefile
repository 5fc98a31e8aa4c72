# Everything a newcomer types. `tools/bootstrap.py` finds (or fetches) the Python 3.13 that Blender's module needs,
# makes .venv and installs what pyproject.toml pins; it returns at once when that has been done. .venv-next is for the
# tests that also run on the next Blender.
PYTHON3 ?= $(shell command -v python3 || command -v python || echo python3)
PY := .venv/bin/python
PY_NEXT := .venv-next/bin/python
SHOT ?= chess

# Rooms whose tests must pass where bpy cannot be imported, and rooms that run on the bpy module.
FREE_ROOMS := $(wildcard tests/core tests/craft tests/media tests/estimate tests/frame)
BPY_ROOMS := $(wildcard tests/addon tests/cli)

# Where make can keep them apart, the output of targets that run side by side comes target by target.
APART := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: help ready ready-next test test-free test-bpy test-next lint build demo bench abuse blender-test clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

ready: ## set up .venv (done by every other target)
	@$(PYTHON3) tools/bootstrap.py

ready-next: ready
	@$(PYTHON3) tools/bootstrap.py --next

test: ready-next ## run all tests that need no installed Blender, on the modules of Blender 5.2 and 5.3
	@echo "Three runs, two at a time; each is shown when it is over (some minutes)"
	@$(MAKE) --no-print-directory --keep-going --jobs=2 $(APART) test-bpy test-next test-free

test-free: ready
	$(PY) -m pytest -q $(FREE_ROOMS) tests/test_house.py

test-bpy: ready
	$(PY) -m pytest -q $(BPY_ROOMS)

test-next: ready-next
	$(PY_NEXT) -m pytest -q $(BPY_ROOMS)

lint: ready ## ruff (rules and format), mypy, and whether arrays say their shapes
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m tools.docstrings

demo: ready ## model, ray-trace and rack a shot (SHOT=chess, cafe or letter)
	$(PY) -m blender_rackfocus demo --shot $(SHOT)

build: ready ## make and validate the extension's zips in dist/ (PLATFORM=linux-x64)
	$(PY) -m blender_rackfocus build --output dist $(if $(PLATFORM),--platform $(PLATFORM))

bench: ready ## likeness and speed beside the peers that can be run, in one table, with a picture
	$(PY) -m benchmarks

abuse: ready ## damaged files, kills, full disks, random edits, long renders, in one table (20 to 40 minutes)
	$(PY) -m tests.abuse $(ROWS)

blender-test: build ## install the zip in a real Blender 5.2 and test it there (root; makes a Debian sid chroot)
	bash tools/real_blender.sh dist

clean: ## remove what make made here (.venv, dist, demo, caches)
	rm -rf .venv .venv-next dist demo out .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
