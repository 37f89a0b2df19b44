# One file to run everything. `make help` lists the targets.

PYTHON ?= python3.11
PIPENV := PIPENV_VENV_IN_PROJECT=1 PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_VERBOSITY=-1 .pipenv/bin/pipenv
BIN := .venv/bin
HOPSWORKS := scripts/boxoffice/live/hopsworks
HOPSWORKS_PIPENV := VIRTUAL_ENV=$(CURDIR)/.hopsworks PIPENV_PIPFILE=$(HOPSWORKS)/Pipfile PIPENV_VERBOSITY=-1 .pipenv/bin/pipenv
PORT ?= 8000
# DVC calls `python`, which must be this environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Else ONNX Runtime reports its use to its maker.
export ORT_DISABLE_TELEMETRY := 1
.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9_-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.pipenv/bin/pipenv:
	$(PYTHON) -m venv .pipenv
	.pipenv/bin/python -m pip install --quiet pipenv==2026.10.3

# Some locked packages don't run on earlier ones.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11, 5) <= sys.version_info[:3] < (3, 12))' \
		|| (echo "$(PYTHON) is not Python 3.11.5 or later: make PYTHON=/path/to/python3.11" >&2; exit 1)
	$(PYTHON) -m venv .venv

.venv/.installed: Pipfile.lock pyproject.toml | .pipenv/bin/pipenv .venv/bin/python
	$(PIPENV) sync --dev --categories "packages dev-packages serve"
	@touch $@

.PHONY: setup
setup: .venv/.installed ## Create .venv and install the locked dependencies

.PHONY: repro
repro: setup ## Rebuild every result that is out of date
	dvc repro
	python scripts/render_pages.py

.PHONY: test
test: setup ## Run the tests, a file at a time on each of up to four cores
	$(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: lint
lint: setup ## Check style, and that notebooks, README and docs match their sources
	ruff check .
	ruff format --check .
	python scripts/pair_notebooks.py --check
	python scripts/figures.py --check

.PHONY: format
format: setup ## Format the code, pair the notebooks, refresh the figures of README and docs
	ruff check --fix .
	ruff format .
	python scripts/pair_notebooks.py
	python scripts/figures.py

.PHONY: serve
serve: setup ## Serve API and web page on http://127.0.0.1:8000 (PORT=... for another port)
	uvicorn app.main:app --port $(PORT) --no-access-log

.PHONY: weekly
weekly: setup ## Forecast what is coming, score what came, draw reports/weekly.html
	python scripts/weekly.py

.PHONY: space
space: setup ## Push the service to a Hugging Face Space: REPO=user/name, a token in HF_TOKEN
	python -m app.space $(REPO)

.PHONY: register
register: setup ## Register this commit's models as a version (VERSION=v2.0.0, or the next one)
	python scripts/registry.py register $(if $(VERSION),--version $(VERSION))

.PHONY: promote
promote: setup ## Make VERSION=v1.1.0 champion (TO=challenger; BECAUSE="..." if it is worse)
	python scripts/registry.py promote $(VERSION) $(if $(TO),--to $(TO)) $(if $(BECAUSE),--because "$$BECAUSE")

.PHONY: champion
champion: setup ## Bring champion and challenger to models/
	python scripts/registry.py checkout

.PHONY: bench
bench: setup ## Measure service, start-up and scored tables (needs wrk), then embedding (10 minutes)
	python scripts/benchmarks/service.py
	python scripts/benchmarks/encoders.py

.PHONY: watch
watch: setup ## Hold the films that were forecast against the training films (SOURCE=... of several logs)
	python scripts/watch.py $(SOURCE)

.PHONY: lab
lab: setup ## Open the notebooks in Jupyter, in the environment of the stages
	env $$(python scripts/boxoffice/core/compute.py) jupyter lab --notebook-dir=notebooks

.PHONY: tmdb5000
tmdb5000: setup ## Measure on TMDB 5000 (after scripts/fetch.py tmdb5000), into reports/tmdb5000
	python scripts/measure.py tmdb5000
	python scripts/transfer.py

.PHONY: hopsworks
hopsworks: .hopsworks/.installed ## Install the Hopsworks client, in an environment of its own

.hopsworks/bin/python:
	$(PYTHON) -m venv .hopsworks

.hopsworks/.installed: $(HOPSWORKS)/Pipfile.lock | .pipenv/bin/pipenv .hopsworks/bin/python
	$(HOPSWORKS_PIPENV) sync
	@touch $@

.PHONY: open-films
open-films: setup ## Read the films of Wikidata anew, say what changed (ACCEPT=--accept: even if many are gone)
	python scripts/fetch.py wikidata --older-than 7 $(ACCEPT)

.PHONY: lock
lock: | .pipenv/bin/pipenv .venv/bin/python .hopsworks/bin/python ## Lock both Pipfiles anew, without naming an index
	$(PIPENV) lock
	$(HOPSWORKS_PIPENV) lock
	for lock in Pipfile.lock $(HOPSWORKS)/Pipfile.lock; do \
		.venv/bin/python -c "import json; lock = json.load(open('$$lock')); lock['_meta']['sources'] = []; open('$$lock', 'w').write(json.dumps(lock, indent=4) + '\n')"; \
	done

.PHONY: clean
clean: ## Remove the environment and every untracked result, but not data/raw or the DVC cache
	rm -rf .venv .pipenv .hopsworks .pytest_cache .ruff_cache .hypothesis scripts/*.egg-info data/processed data/synthetic models reports/notebooks reports/tables
