# make test       set up and run the tests
# make forecast   set up, train on Seattle's daily temperatures, backtest, forecast the next 30 days
# make check      linters, types, the contract between rooms, the documentation
# make native-check   the native core's own tests, under sanitizers, valgrind and an ARM emulator where these are there
# make reports    set up, make the reports and pictures of docs/how-an-lstm-remembers.md anew
# make clean      remove what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OUT ?= out
SEATTLE := src/ensue/data/packaged/seattle_weather.csv

# One thread a worker: two workers of one thread each beat one worker of two on small networks.
test check: export OMP_NUM_THREADS = 1
test check: export MKL_NUM_THREADS = 1

.PHONY: test forecast check native-check reports clean
.DELETE_ON_ERROR:

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 -rs -m "not slow and not data" --doctest-modules tests src

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q -rs tests/test_docs.py

native-check: $(INSTALLED)
	$(BIN)/python native/tests/quality.py

forecast: $(INSTALLED)
	@mkdir -p $(OUT)
	$(BIN)/ensue train forecast $(SEATTLE) -o $(OUT)/seattle.ensue --horizon 30
	$(BIN)/ensue backtest $(SEATTLE) -m $(OUT)/seattle.ensue --windows 8
	$(BIN)/ensue forecast $(SEATTLE) -m $(OUT)/seattle.ensue --horizon 30 --levels 80,95 \
	    --out $(OUT)/forecast.csv --plot $(OUT)/forecast.html
	@echo "Look at $(OUT)/forecast.html; the numbers are in $(OUT)/forecast.csv, the model in $(OUT)/seattle.ensue."

reports: $(INSTALLED)
	$(BIN)/python docs/make_reports.py

# Where there is a compiler and Python's headers the native core has to build; elsewhere Ensue is set up without it.
HEADER := $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null)
COMPILER := $(shell command -v $(CXX) || command -v c++ || command -v clang++)
$(INSTALLED): export ENSUE_BUILD ?= $(if $(and $(COMPILER),$(wildcard $(HEADER))),native)

# The stamp makes setting up a matter of once: it is newer than the files that say what is needed, and than the native core.
$(INSTALLED): pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/*.*)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Ensue needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": try make PYTHON=python3.12, for example.")'
	@echo "Setting up $(VENV): a few minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
