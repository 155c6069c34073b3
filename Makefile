# `make demo` and `make test` each work as the first command after a clone: all that they need
# beyond git, make and a python3 is fetched here, pinned by hash, into this folder.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help setup demo up down test test-fast lint types verify generate lock bench clean

# Settings of a caller's Python that would leak into ours. (Without compiled files beside the sources
# each of the hundreds of processes that the tests start would compile all that it imports.)
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX UV_SYSTEM_PYTHON

# A mirror or a certificate that pip was told of holds for uv as well.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

# The first of these that runs, is new enough and can make environments is taken
# (a name may be a version manager's shim that only fails). Choose your own: make PYTHON=...
PYTHON ?= python3.12 python3 python3.13 python3.11
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

UV := .tools/bin/uv
PY := .venv/bin/python
PARALLEL := -n logical --maxprocesses 4 --dist worksteal
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate $(if $(UPGRADE),--upgrade)

# The development environment holds the demo's, so that where it exists it serves both.
DEV := .venv/.ready-dev
RUN := .venv/.ready-$(if $(wildcard $(DEV)),dev,demo)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## Install the development environment

demo: $(RUN) ## Run the main job on a real broker: features, training, prediction
	@$(PY) -m molfleet.local.demo

up: $(RUN) ## Start a local fleet (broker, topics, three workers) and leave it running
	@$(PY) -m molfleet.local.fleet up

down: $(RUN) ## Stop the local fleet
	@$(PY) -m molfleet.local.fleet down

test: lint types verify ## Everything that must hold before a change lands
	$(PY) -m pytest $(PARALLEL) -m "not real and not faults" --cov --cov-fail-under=85 $(PYTEST_ARGS)
	$(PY) -m pytest -m "real or faults" $(PYTEST_ARGS)

test-fast: $(DEV) ## The quick tests: no broker, no S3 server, no worker, nothing marked slow
	$(PY) -m pytest $(PARALLEL) --hypothesis-profile fast \
		-m "not real and not faults and not worker and not slow" $(PYTEST_ARGS)

lint: $(DEV) ## Style, by ruff
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(DEV) ## Types, by mypy
	$(PY) -m mypy

verify: $(DEV) ## Generated files are current, schemas stay compatible with every release
	$(PY) -m molfleet.messages.generate --check
	$(PY) -m molfleet.messages.compatibility

generate: $(DEV) ## Generate the messages and the published schemas from schemas/avro
	$(PY) -m molfleet.messages.generate

lock: .tools/.installed ## Pin the requirements anew (UPGRADE=1: to the newest versions)
	$(COMPILE) requirements/tools.in -o requirements/tools.txt
	$(COMPILE) pyproject.toml --extra dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra modeler --extra local \
		-c requirements/dev.txt -o requirements/demo.txt

bench: $(DEV) ## Measure against the rivals: hours (BENCH_ARGS=--quick: a look in minutes)
	$(PY) -m bench.overhead $(BENCH_ARGS)
	$(PY) -m bench.prediction $(BENCH_ARGS)
	$(PY) -m bench.idle $(BENCH_ARGS)
	$(PY) -m bench.features $(BENCH_ARGS)
	$(PY) -m bench.training $(BENCH_ARGS)

clean: ## Remove what was installed and cached here; data in .local stays
	rm -rf .venv .tools .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache .coverage .coverage.* dist
	find bench common examples tests workers -name __pycache__ -prune -exec rm -rf {} +

.tools/.installed: requirements/tools.txt
	@for python in $(PYTHON); do \
		"$$python" -c '$(SUITABLE)' >/dev/null 2>&1 && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "molfleet needs Python 3.11 or newer that can make environments (on Debian and Ubuntu" \
			"also the package python3-venv). Tried: $(PYTHON); python3 here is" \
			"$$(python3 --version 2>&1 || true). Name another: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "Installing uv with $$("$$python" --version)"; \
	"$$python" -m venv --clear .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
		--require-hashes --requirement $<
	@touch $@

.venv/.created: .tools/.installed
	@.tools/bin/python -m venv --clear --without-pip .venv
	@touch $@

.venv/.ready-%: requirements/%.txt pyproject.toml .venv/.created
	@echo "Installing the packages of $<"
	@$(UV) pip sync --quiet --compile-bytecode --python $(PY) --require-hashes $<
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@
