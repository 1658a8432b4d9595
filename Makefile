# `make help` lists what can be done. Everything installs what it needs into .venv; nothing else on the machine is touched.

.DEFAULT_GOAL := help
.PHONY: help demo example test test-all soak faults schemathesis check format codegen bench build clean

BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
UV := $(shell command -v uv 2>/dev/null)
EXTRAS := .[cli,sandbox]
VERSIONS := 3.11 3.12 3.13
LOOPS := asyncio uvloop eager

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: .venv/.runtime  ## pay examples/payroll.csv against the embedded sandbox; again: resume from its journal
	@$(BIN)/python examples/demo.py

example: .venv/.development  ## test examples/fastapi_payouts, and run it against the embedded sandbox
	$(BIN)/python -m pytest -q tests/integrations/test_example.py
	@$(BIN)/python examples/fastapi_payouts/run.py

test: .venv/.development  ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-all: $(VERSIONS:%=.cache/python/%/.installed)  ## run the tests on every Python, with uvloop and with eager tasks too
	@failed=; for version in $(VERSIONS); do for loop in $(LOOPS); do \
		case $$version-$$loop in 3.11-eager) continue;; esac; \
		echo "Python $$version, $$loop:"; \
		ANTON_TEST_LOOP=$$loop .cache/python/$$version/bin/python -m pytest -q $(PYTEST_ARGS) || failed="$$failed $$version-$$loop"; \
	done; done; test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

soak: .venv/.development  ## kill a payout job at 200 random points, resume each, and compare with the ledger row by row
	ANTON_SOAK=200 $(BIN)/python -m pytest -q tests/bulk/test_crash.py -k killed

faults: .venv/.development  ## show which rows of the fault catalogue the tests cover
	@$(BIN)/python -m tests.fault_report

schemathesis: .venv/.development  ## let Schemathesis judge the sandbox by the document, at length
	ANTON_SCHEMATHESIS_EXAMPLES=$${ANTON_SCHEMATHESIS_EXAMPLES:-20} $(BIN)/python -m pytest -q tests/sandbox/test_schemathesis.py $(PYTEST_ARGS)

check: .venv/.development  ## lint, format, types, generated code, API document
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -m codegen --check
	$(BIN)/python -m openapi_spec_validator openapi/anton.yaml

format: .venv/.development  ## format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

codegen: .venv/.development  ## compile openapi/ into models and resources
	$(BIN)/python -m codegen

bench: .venv/.development .cache/benchmarks/.installed  ## measure what a call costs, beside the bare libraries and other SDKs
	@$(BIN)/python -m benchmarks $(SECTIONS)

build: .venv/.development  ## build wheel and sdist into dist/
	$(BIN)/python -m build

clean:  ## remove what was built, installed and demonstrated
	rm -rf .venv .cache build dist demo .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(UV)$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=..." >&2; exit 2; }
ifdef UV
	@$(call with_uv,venv --quiet --python "$(or $(PYTHON),3.11)" .venv)
else
	@$(PYTHON) -m venv .venv
	@$@ -m pip install --quiet --disable-pip-version-check --upgrade pip
endif

# uv brings certificates of its own, which a machine behind a proxy may not want: the second try uses the system's.
with_uv = $(UV) $(1) || UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true $(UV) $(1)

ifdef UV
install = $(call with_uv,pip install --quiet --python $(BIN)/python $(1))
else
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1)
endif

.venv/.runtime: pyproject.toml | .venv/bin/python
	@$(call install,--editable '$(EXTRAS)')
	@touch $@

.venv/.development: pyproject.toml | .venv/bin/python
	@$(call install,--editable '$(EXTRAS)' --group dev)
	@touch $@ .venv/.runtime

.cache/python/%/.installed: pyproject.toml
	@mkdir -p .cache/python
ifdef UV
	@p=$$($(call find_python,$*)); $(call with_uv,venv --quiet --clear --python "$${p:-$*}" $(@D))
	@$(call with_uv,pip install --quiet --python $(@D)/bin/python --editable '$(EXTRAS)' --group dev)
else
	@p=$$($(call find_python,$*)); \
	test -n "$$p" || { echo "Python $* is needed: install it, or uv, which fetches it" >&2; exit 2; }; \
	"$$p" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable '$(EXTRAS)' --group dev
endif
	@touch $@

.cache/benchmarks/.installed: benchmarks/peers.txt | .venv/bin/python
ifdef UV
	@$(call with_uv,venv --quiet --clear --python $(BIN)/python $(@D))
	@$(call with_uv,pip install --quiet --python $(@D)/bin/python --requirement $<)
else
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
endif
	@touch $@

# pyenv's own python3.12 may refuse to run, though the version is there.
find_python = for p in python$(1) "$$HOME"/.pyenv/versions/$(1).*/bin/python; do \
	"$$p" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(1)")' 2>/dev/null && { echo "$$p"; break; }; done
