# Two commands matter: `make demo` and `make test`. Both install what they need into $(VENV) first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

NODE := tests/node/node_modules

# Where writing it is forbidden, every process that is started compiles all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: wheel demo test lint types imports unit sdks litellm families contract selftest peers format bench soak fuzz fixed-point clean

demo: $(VENV)/run.stamp  ## serve a provider that drifts, catch it, and lint the page that promised it
	@$(BIN)/imageproof demo
	@echo
	@echo "The vendor's own page promised it:  imageproof lint fixtures/documents/zhongzhuan-create-edit-image.txt"
	@$(BIN)/imageproof lint --only chat-shaped-200 --only chat-example-200 fixtures/documents/zhongzhuan-create-edit-image.txt || test $$? -eq 1

test: lint types imports unit contract  ## everything a change must pass

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: $(VENV)/dev.stamp
	$(BIN)/mypy --num-workers 2

imports: $(VENV)/dev.stamp
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/dev.stamp sdks
	$(BIN)/python -m pytest tests -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/test_wheel.py

wheel: $(VENV)/dev.stamp  ## the wheel, installed into an empty environment
	$(BIN)/python -m pytest tests/test_wheel.py

sdks: $(VENV)/openai-2.stamp $(NODE)/.stamp  ## the official clients that the environment does not hold already

litellm: $(VENV)/dev.stamp $(VENV)/litellm.stamp  ## LiteLLM's SDK and proxy against the mock; installs 750 MB
	$(BIN)/python -m pytest tests/gateway/check_litellm.py -n 0 --verbose

families: $(VENV)/dev.stamp  ## every family and every profile, served by the mock and checked in full
	$(BIN)/python -m pytest tests/families/check_families.py tests/families/check_profiles.py -n 0 --verbose

contract: $(VENV)/dev.stamp  ## the shipped contract tests against the embedded mock
	$(BIN)/python -m pytest contract_tests -n 0 --imageproof-max-images 12

selftest: $(VENV)/dev.stamp  ## every drift, every mutant of every answer, every faithful profile: who is convicted
	$(BIN)/python -W ignore benchmarks/selftest.py

peers: $(VENV)/dev.stamp  ## Schemathesis on the same drifting servers: what each finds, and what it bills
	$(BIN)/python -W ignore benchmarks/peers.py

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

bench: $(VENV)/dev.stamp  ## requests per second as a ratio to a bare aiohttp handler; waits while pictures are drawn; other servers
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/latency.py
	@if command -v npm >/dev/null; then npm --prefix benchmarks/node install --no-package-lock --ignore-scripts \
	  --loglevel=error --no-audit --no-fund >/dev/null || echo "make: the Node peers could not be installed (see above)"; \
	else echo "make: no npm here; the Node peers are left out"; fi
	$(BIN)/python benchmarks/serving_peers.py

soak: $(VENV)/dev.stamp  ## resident memory over a million different requests
	$(BIN)/python benchmarks/throughput.py --memory 1000000

fuzz: $(VENV)/dev.stamp  ## hostile connections for three minutes: counts per kind, and the seed
	$(BIN)/python tests/siege.py

fixed-point: $(VENV)/dev.stamp  ## 300 sets of drifts: mock, report, profile, mock, report, and the same is found
	$(BIN)/python -W ignore tests/fixed_point.py --sets 300

clean:
	rm -rf $(VENV) $(NODE) build dist reports .hypothesis .mypy_cache .ruff_cache .pytest_cache *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "imageproof needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(INSTALL) '.[dev]'
	@touch $@

$(VENV)/openai-2.stamp: $(VENV)/bin/python tests/older-openai.txt
	@rm -rf $(VENV)/openai-2
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/openai-2 \
	  --requirement tests/older-openai.txt && touch $@ || \
	  echo "make: openai 2.x could not be installed (see above); its tests are skipped"

$(NODE)/.stamp: tests/node/package.json tests/node/package-lock.json
	@if ! command -v npm >/dev/null; then echo "make: no npm here; the tests of the Node client are skipped"; \
	elif npm --prefix tests/node ci --ignore-scripts --loglevel=error --no-audit --no-fund >/dev/null; then touch $@; \
	else echo "make: the Node client could not be installed (see above); its tests are skipped"; fi

$(VENV)/litellm.stamp: $(VENV)/bin/python tests/gateway/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)/litellm
	$(VENV)/litellm/bin/pip install --quiet --disable-pip-version-check --requirement tests/gateway/requirements.txt
	@touch $@
