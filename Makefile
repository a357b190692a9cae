# The project's commands. Each one sets up what it needs in .venv first; `make help` lists them.
#
#   PYTHON=...   the Python to build .venv with (3.11 or newer); without it the first one that fits
#   ARGS=...     more arguments for the command behind `demo`, `test`, `bench`, `mutants` and `release`
#   TOOL=...     what `frozen` freezes with: pyinstaller or nuitka
#   TUF_CONFORMANCE=...  a clone of tuf-conformance, the public test suite, for `soak`
#   WORKERS=...  how many processes share the tests (0: none but the first, for a debugger)

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?=
ARGS ?=
TOOL ?= pyinstaller
WORKERS ?= auto
SOAK_MINUTES ?= 10
TUF_CONFORMANCE ?=
SEED ?= $(shell date +%Y%m%d)

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The last one would have hundreds of processes compile everything again: a third of the tests' time.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.PHONY: help demo test smoke postgresql several mutants lint style types layers workflows docs frozen bench release soak clean

help:
	@echo 'make demo    bind, log, see, correct, take along, delete: against a server of its own'
	@echo 'make test    run the tests               (ARGS="tests/unit -k policy" picks some)'
	@echo 'make smoke   run those of them that the gate runs on every Python'
	@echo 'make postgresql  run the tests of the server on a throw-away PostgreSQL (Debian: apt-get install postgresql)'
	@echo 'make several 200 clients, two server processes, one PostgreSQL: is anything lost or done twice? (ARGS="--seconds 10")'
	@echo 'make mutants do the tests notice mistakes? (ARGS="--count 50 --seed 1 --path vault"; --rows, --only)'
	@echo 'make lint    check style, types, layers and workflows'
	@echo 'make docs    build the documentation and run its examples'
	@echo 'make frozen  freeze the example and the command line, and run both; needs a keyring (TOOL=$(TOOL))'
	@echo 'make bench   measure against named peers     (ARGS="--only B1a --quick"; --write renews docs/benchmarks.md)'
	@echo 'make release build wheel and source archive twice, compare, list what they consist of (ARGS="--tag v0.1.0")'
	@echo 'make soak    the attacks in their long form, all tests with new random examples (SOAK_MINUTES=$(SOAK_MINUTES)), mutants (SEED=), the public TUF suite (TUF_CONFORMANCE=), every Python'
	@echo 'make clean   remove .venv and everything that was built'

demo: $(VENV)/.ready
	@$(VENV)/bin/rocketvpn demo $(ARGS)

test: $(VENV)/.ready-dev
	@$(PY) -m pytest -n $(WORKERS) $(ARGS)

# What runs on every Python and on every Debian: the rules, the contracts, and of each other kind what is most likely
# to differ there.
SMOKE := tests/unit tests/contract tests/e2e/test_demo.py tests/e2e/test_cli.py tests/e2e/test_cli_terminal.py \
  $(addprefix tests/e2e/test_cli_interrupts.py::test_a,t_a_prompt _prompt_notices_a_signal_that_another_thread_got) \
  $(addprefix tests/integration/test_,bad_input.py binding.py calling.py consent.py folders_not_seen.py journal.py journal_handler.py \
    rights.py rights_export.py updates.py vault.py) \
  $(addprefix tests/attacks/test_,scrub_evasion.py tls_interception.py vault_forks_and_threads.py vault_keyring.py \
    vault_two_processes.py)

smoke:
	@ROCKETVPN_SMOKE=1 $(MAKE) test ARGS="$(SMOKE) $(ARGS)"

# What exercises the server, on PostgreSQL: the gate runs it, and `soak` all integration and contract tests.
POSTGRESQL := $(addprefix tests/integration/test_,sandbox_binding.py sandbox_consents.py sandbox_data.py sandbox_proofs.py \
    sandbox_resources.py sandbox_rights.py sandbox_server.py owner.py tickets.py) \
  $(addprefix tests/contract/test_,every_call.py openapi.py) \
  $(addprefix tests/attacks/test_,grants.py write_after_erasure.py)

postgresql:
	@$(MAKE) test ARGS="--database postgresql $(POSTGRESQL) $(ARGS)"

several: $(VENV)/.ready-dev
	@$(PY) tests/bench/several.py $(ARGS)

mutants: $(VENV)/.ready-dev
	@$(PY) tests/support/mutants.py $(ARGS)

lint: style types layers workflows

style: $(VENV)/.ready-dev
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .

types: $(VENV)/.ready-dev
	@for system in linux darwin win32; do \
	  $(PY) -m mypy --platform $$system --cache-dir .mypy_cache/$$system || exit 1; \
	done

layers: $(VENV)/.ready-dev
	@$(VENV)/bin/lint-imports

workflows: $(VENV)/.ready-dev
	@$(VENV)/bin/zizmor --offline --quiet --no-progress .github

docs: $(VENV)/.ready-dev
	@$(PY) -m sphinx -W --keep-going --quiet --fresh-env -b html docs docs/_build/html
	@$(PY) -m sphinx -W --keep-going --quiet --fresh-env -b doctest docs docs/_build/doctest
	@echo 'The documentation is in docs/_build/html/index.html; its examples ran.'

frozen: | $(PY)
	@$(PY) tests/frozen/run.py $(TOOL)

bench: $(VENV)/.ready-bench
	@$(PY) tests/bench/run.py $(ARGS)

release: $(VENV)/.ready-release
	@$(PY) tests/support/release.py $(ARGS)

soak: $(VENV)/.ready-dev
	@ROCKETVPN_SOAK=1 $(PY) -m pytest tests/attacks tests/contract/test_schemathesis.py tests/e2e/test_cli_interrupts.py \
	  -s --timeout=3600 $(ARGS)
	@$(PY) -m pytest -n $(WORKERS) --database postgresql tests/integration tests/contract $(ARGS)
	@$(PY) tests/bench/several.py
	@end=$$(( $$(date +%s) + 60 * $(SOAK_MINUTES) )); round=0; \
	while [ $$(date +%s) -lt $$end ]; do \
	  round=$$(( round + 1 )); echo "Round $$round"; \
	  $(PY) -m pytest --quiet --hypothesis-profile=soak $(ARGS) || exit 1; \
	done; echo "$$round rounds, none failed."
	@$(PY) tests/support/mutants.py --rows
	@$(PY) tests/support/mutants.py --equivalent
	@$(PY) tests/support/mutants.py --count 200 --seed $(SEED) --at-least 92
	@$(PY) tests/support/tuf_conformance.py "$(TUF_CONFORMANCE)"
	@bash .ci/soak

clean:
	@rm -rf $(VENV) build dist docs/_build htmlcov .mutants .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache \
	  .ruff_cache .import_linter_cache
	@find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- the virtual environment
#
# Installed once, and again when pyproject.toml changes. The package itself is installed in place, so its code is
# always the one beside this file.

$(VENV)/.ready: pyproject.toml | $(PY)
	@echo 'Installing the package with its command line and sandbox into $(VENV) ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[cli,sandbox]'
	@touch $@

$(VENV)/.ready-dev: pyproject.toml | $(PY)
	@echo 'Installing the package with everything its development needs into $(VENV) ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[age,cli,sandbox,postgresql,dev]'
	@touch $(VENV)/.ready $@

$(VENV)/.ready-bench: $(VENV)/.ready-dev
	@echo 'Installing the peers that are measured against ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[age,cli,sandbox,postgresql,dev,bench]'
	@touch $@

$(VENV)/.ready-release: pyproject.toml | $(PY)
	@echo 'Installing what builds a release ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[release]'
	@touch $@

$(PY):
	@found=; old=yes; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  old=no; \
	  "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
	  found=$$python; break; \
	done; \
	if [ -z "$$found" ] && [ $$old = yes ]; then \
	  echo 'Python 3.11 or newer is needed, and $(or $(PYTHON),python3) is not one.' >&2; \
	  echo 'On Debian 12 or later: apt-get install python3 python3-venv. Or name one: make PYTHON=python3.12 ...' >&2; \
	  exit 1; \
	elif [ -z "$$found" ]; then \
	  echo '$(or $(PYTHON),python3) cannot make virtual environments. On Debian: apt-get install python3-venv' >&2; \
	  exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv --clear $(VENV)
