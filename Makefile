# DATABASE_URL, DATA_DIR and PORT in the environment decide where; see "Settings" in the README.
# Two copies on one machine do not disturb each other.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/runtime.stamp
DEVELOPMENT := $(VENV)/development.stamp
MANAGE := $(BIN)/python manage.py
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11
CODE := accounts aftersales catalog orders openplatform reconciliation tests manage.py

# What `check --deploy` looks at is how production would start; it connects to nothing.
RANDOM_KEY := $(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))'
AS_IN_PRODUCTION = PRODUCTION=1 DEBUG= ALLOWED_HOSTS=example.com SECRET_KEY="$$($(RANDOM_KEY))" \
	PUBLIC_URL=https://example.com DATABASE_URL=postgresql://nobody@db.example.com/openplatform \
	SMTP_HOST=mail.example.com MAIL_FROM=platform@example.com

.DEFAULT_GOAL := help
.PHONY: help setup lock check format test coverage prove run demo bench openapi messages clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(DEVELOPMENT) ## the virtual environment with everything in it

$(BIN)/python:
	PYTHON="$(PYTHON)" tools/make-venv $(VENV)

$(RUNTIME): requirements.txt | $(BIN)/python
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	$(PIP_INSTALL) -r requirements.txt -r requirements-dev.txt
	@touch $@

lock: $(DEVELOPMENT) ## requirements*.in compiled with hashes
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

check: $(DEVELOPMENT) ## format, lint, import direction, types, settings, migrations, contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy $(CODE)
	$(AS_IN_PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	$(MANAGE) makemigrations --check --dry-run
	$(BIN)/python -m pytest -q tests/contract

format: $(DEVELOPMENT) ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Two processes, each with a database of its own. A file stays whole and files keep their order, so
# that the longest do not come last. Compiled once, also where the environment says not to keep that:
# every process would compile all tests again, and many tests start programs of their own.
TEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(DEVELOPMENT) ## all tests
	$(TEST)

coverage: $(DEVELOPMENT) ## all tests with branch coverage, which takes half as long again
	$(TEST) --cov --cov-report=term

prove: $(DEVELOPMENT) ## races and faults at full size, on a durable Postgres
	$(BIN)/python -m pytest -m prove

run: $(RUNTIME) ## web and worker, with demo data in an empty database
	$(MANAGE) run_platform

demo: $(RUNTIME) ## run, and a merchant's day over the API; EXIT=1 ends after it
	$(MANAGE) run_platform --walkthrough $(if $(EXIT),--exit)

bench: $(DEVELOPMENT) ## orders and reads against Postgres alone and simpler views; a catalogue; messages
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.catalogue
	$(BIN)/python -m tests.bench.messages

openapi: $(DEVELOPMENT) ## docs/openapi.yaml and docs/schemas from the code
	$(MANAGE) spectacular --lang en --file docs/openapi.yaml --validate --fail-on-warn
	$(MANAGE) write_event_schemas

messages: $(DEVELOPMENT) ## translations: taken from the code, and compiled
	$(BIN)/python tools/messages.py extract
	$(BIN)/python tools/messages.py compile

clean: ## stops this checkout's embedded Postgres; removes .data and caches
	@if [ -x $(BIN)/python ]; then \
		for file in .data/*/postmaster.pid; do \
			[ ! -e "$$file" ] || $(BIN)/python -m openplatform.core.embedded_postgres \
				stop "$$(dirname "$$file")"; \
		done; \
	fi
	rm -rf .data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
