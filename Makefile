# make run     the default experiment, from nothing
# make test    the tests             make check   ruff, mypy --strict, the docs
# make test-slow  fresh venvs, servers, kills, a browser
# make test-ray   sweeps on a Ray cluster, in a venv of its own
# make torture    kills at every write and at 200 random instants, then the same run bit for bit
# make bench   the speed of it beside PyTorch and JAX: NAMES=dinos.txt for the notebook's own job
# make jazz    the jazz improviser of plugins/rnnx-jazz, installed and trained; make test-jazz: its tests
# make lowest  the tests on the lowest versions that pyproject.toml allows, and their MLflow in a browser
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test test-slow test-ray torture check docs bench lowest jazz test-jazz clean
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	$(BIN)/rnnx train $(ARGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal $(ARGS)

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile $(ARGS)

# Ray is 600 MB and wants an older joblib than the other tests have.
test-ray: .venv-ray/.installed
	.venv-ray/bin/python -c "import ray" # or its tests would be skipped
	.venv-ray/bin/python -m pytest tests/slow/test_cluster.py -k "ray and not many" $(ARGS)

.venv-ray/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/pip install --quiet --disable-pip-version-check -e ".[test,ray]"
	touch $@

torture: $(VENV)/.installed-test
	RNNX_KILLS=200 RNNX_KILL_EVERY=1 $(BIN)/python -m pytest -s tests/slow/test_kills.py tests/slow/test_every_write.py $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: $(VENV)/.installed-dev
	$(BIN)/mkdocs serve

# Some minutes on an otherwise idle machine; what it prints is kept as JSON in .bench.
NAMES ?= plugins/rnnx_builtin/datasets/dinosaurs.txt
bench: $(VENV)/.installed-bench
	$(BIN)/python tests/benchmarks/speed.py --threads 1 $(ARGS)
	$(BIN)/python tests/benchmarks/speed.py --threads 2 $(ARGS)
	$(BIN)/python tests/benchmarks/zoo.py
	$(BIN)/python tests/benchmarks/busy.py
	$(BIN)/python tests/benchmarks/jobs.py --names $(NAMES)

jazz: $(VENV)/.installed-jazz
	$(BIN)/rnnx train experiment=jazz $(ARGS)

JAZZ := plugins/rnnx-jazz
test-jazz: $(VENV)/.installed-test $(VENV)/.installed-jazz
	$(BIN)/python -m pytest -n 2 --dist worksteal $(JAZZ)/tests $(ARGS)

# The lower bounds of pyproject.toml, and nothing newer, in a venv of their own.
lowest: .venv-lowest/.installed
	.venv-lowest/bin/python -m pytest -m "not slow" $(ARGS)
	.venv-lowest/bin/python -m pytest tests/slow/test_ui_views.py

.venv-lowest/.installed: pyproject.toml .ci/lowest.py
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) .ci/lowest.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/pip install --quiet -c .venv-lowest/constraints.txt -e ".[test]"
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-jazz: pyproject.toml $(JAZZ)/pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[fast]" -e ./$(JAZZ)
	touch $@

$(VENV)/.installed-bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .venv-lowest .venv-ray .bench .pytest_cache build dist site
