# Two environments: .venv holds what the Pi needs and nothing else, .venv-dev what building and testing need.
PYTHON ?= python3
RUN := .venv/bin
DEV := .venv-dev/bin
PI := /var/tmp/nebulift-pi
FRAMES := 10000

.PHONY: demo test test-all search faults pi soak audit check lint types arrows format wheel wheel-check model bench clean

demo: .venv/.ready  ## the whole product in a minute, on a night made for it
	$(RUN)/nebulift demo

test: check  ## everything that CI runs, under ten minutes on two cores
	$(DEV)/python -m pytest -m "not slow" -n auto --dist loadfile

test-all: check  ## and the slow ones
	$(DEV)/python -m pytest

search: .venv-dev/.ready  ## tests of drawn examples with examples never drawn before
	HYPOTHESIS_PROFILE=search $(DEV)/python -m pytest --no-header -q $$(grep -l "^from hypothesis" tests/test_*.py)

faults: .venv-dev/.ready  ## every fault of tests/fault_lines.py, caused for real: one line each; some need root
	$(DEV)/python -m pytest --no-header --fault-lines -m fault

pi: .venv-dev/.ready  ## on an emulated Raspberry Pi: installs, tests, compares verdicts; half an hour, needs root
	tests/pi/pi.sh $(PI) $(DEV)/python

soak: .venv-dev/.ready  ## 10 000 frames through one daemon: does anything grow? an hour or two
	$(DEV)/python benchmarks/soak.py --frames $(FRAMES)

audit:  ## known holes in what constraints.txt pins; asks PyPI
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv-audit/bin/pip-audit --require-hashes --disable-pip --requirement constraints.txt

check: lint types arrows

lint: .venv-dev/.ready
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .

types: .venv-dev/.ready
	$(DEV)/mypy

arrows: .venv-dev/.ready
	$(DEV)/lint-imports

format: .venv-dev/.ready
	$(DEV)/ruff check --fix .
	$(DEV)/ruff format .

wheel: .venv-dev/.ready
	rm -rf dist
	$(DEV)/python -m build --wheel --outdir dist .

wheel-check: wheel  ## the wheel alone, without extras and without torch, in an environment of its own
	tests/wheel_check.sh dist/*.whl

model: .venv-dev/.ready  ## train the bundled model anew: hours on two cores (see docs/model.md)
	$(DEV)/python -m nebulift.training.recipe

bench: .venv-dev/.ready
	$(DEV)/nebulift benchmark --sizes 2,16,26,61 --peers

clean:
	rm -rf .venv .venv-dev .venv-audit dist demo

.venv/.ready: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv-dev/.ready: constraints-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv-dev
	$(DEV)/python -m pip install --quiet --disable-pip-version-check -c constraints-dev.txt -e ".[dev,train,formats,web,notify,cluster]"
	touch $@
