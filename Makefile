# A stranger needs two: make demo, make test. Each does all its own set-up.
PYTHON ?= /usr/bin/python3
export PYTHON

.PHONY: help venv demo test lint bench fuzz soak man dist deb deb-check clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

venv: ## .venv/bin/authd, and the dev tools beside it
	@tools/setup.sh dev
	@echo "Ready: .venv/bin/authd, made with $(PYTHON). Next: make demo, or make test"

demo: ## authd at work: a user, a right and a wrong login
	@tools/setup.sh run
	@tools/demo.sh

test: lint ## every check: lint, types, layers, tests with coverage
	@tools/test.sh

lint: ## ruff, mypy and the layers of the modules
	@tools/setup.sh dev
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --quiet --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

REPORT ?= docs/benchmark.md
bench: ## authd against Debian's saslauthd, in one run of twelve minutes, to REPORT=docs/benchmark.md
	@tools/setup.sh dev
	.venv/bin/python -m bench --to $(REPORT)

SECONDS ?= 60
fuzz: ## hostile bytes for every parser, SECONDS=60 for each
	@tools/setup.sh fuzz
	.venv/bin/python -m tests.fuzz --seconds $(SECONDS)

MINUTES ?= 30
soak: ## half the load that authd sustains, MINUTES=30, while everything goes wrong; as root
	@tools/setup.sh dev
	SOAK_SECONDS=$$(($(MINUTES) * 60)) .venv/bin/python -m pytest -q -s tests/daemon/test_soak.py

man: ## manual pages, completion and the reference of keys, made of parsers and types
	@tools/setup.sh dev
	.venv/bin/python -m tools.documents

dist: ## a wheel and an sdist, in dist
	@tools/setup.sh dev
	.venv/bin/python -m hatchling build -d dist

deb: ## a Debian package, in dist; as root it installs what builds it
	@tools/deb.sh

deb-check: ## the Debian package in a Debian of its own: lintian, a login through Postfix, upgrade, purge; as root
	@tools/deb-check.sh

clean: ## removes all that the others made
	rm -rf .venv .cache bench/build dist .coverage* .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
