# GNU make. All paths are relative, so that the checkout may lie in a folder with spaces.
#   PYTHON=python3.12   the interpreter .venv is made of (3.11 or newer)
#   UV=off              plain pip instead of uv; UV=/path/to/uv names one
#   PORT=8000           where `make run` serves
#   JOBS=auto           processes of `make test`
#   PGPORT=             where `make postgis` listens; a free port unless given
#   ARGS="-k name"      more words for pytest
#   UPGRADE=1           let `make lock` take newer releases

PYTHON ?= python3
UV ?= auto
PORT ?= 8000
JOBS ?= auto
ARGS ?=
UPGRADE ?=

BIN := .venv/bin
PYTEST = $(BIN)/python -m pytest

# A stamp's name holds a checksum of where the checkout lies and of what is to be installed: a changed lock or a moved
# folder asks for another stamp, and what is installed costs nothing the next time.
KEY := $(shell { pwd -P; cat pyproject.toml locks/*.txt 2>/dev/null; } | cksum | tr ' ' -)
CORE := .venv/stamp-$(KEY)-core
DEV := .venv/stamp-$(KEY)-dev
NOTEBOOKS := .venv/stamp-$(KEY)-notebooks
# An interpreter that vanished (a system upgrade) leaves stamps that lie.
ifneq ($(shell test -x $(BIN)/python && echo yes),yes)
.PHONY: $(CORE) $(DEV) $(NOTEBOOKS)
endif

.DEFAULT_GOAL := help
.PHONY: help setup run check lint type test test-all golden notebooks bench postgis postgis-stop lock clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(CORE) ## .venv with the locked packages; does nothing when it is there
	@echo ".venv is ready / 环境就绪"

run: $(CORE) ## the map and the API on http://127.0.0.1:8000 (PORT=8001 for another port)
	@$(BIN)/twin serve --port "$(PORT)" --demo-if-empty

check: lint type test ## what must pass before a commit

lint: $(DEV) ## ruff: rules and format
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

type: $(DEV) ## mypy, strict
	$(BIN)/python -m mypy

test: $(DEV) ## the fast tests
	$(PYTEST) -n $(JOBS) --maxprocesses 8 $(ARGS)

test-all: test $(NOTEBOOKS) ## every test, also in the browser (needs Debian's chromium), on PostGIS, the slow ones and the notebooks
	$(PYTEST) -m "browser or slow or notebook or postgis" $(ARGS)

golden: $(DEV) ## write the golden files anew; then read the diff
	TWIN_GOLDEN=write $(PYTEST) tests/golden $(ARGS)

notebooks: $(DEV) $(NOTEBOOKS) ## run every notebook from top to bottom
	$(PYTEST) -m notebook tests/test_notebooks.py $(ARGS)

bench: $(DEV) ## times of this machine as ratios, in minutes (ARGS=--write-readme: into the README too)
	$(BIN)/twin bench $(ARGS)

postgis: $(DEV) ## PostgreSQL with PostGIS for a developer, in var/postgis (PGPORT=5433 names a port); prints TWIN_STORE
	@$(BIN)/python -m tests.postgis start var/postgis $(PGPORT)

postgis-stop: $(DEV) ## end it; what it holds stays
	@$(BIN)/python -m tests.postgis stop var/postgis

lock: ## solve pyproject.toml into locks/ anew (UPGRADE=1 takes newer releases)
	@$(make-venv)
	@$(call solve,core,)
	@$(call solve,dev,--extra dev -c locks/core.txt)
	@$(call solve,notebooks,--extra notebooks -c locks/core.txt -c locks/dev.txt)

clean: ## remove .venv, caches and build output; var/ and all data stay
	rm -rf .venv build dist hongqiao_twin.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find twin tests notebooks -type d '(' -name __pycache__ -o -name .ipynb_checkpoints ')' -prune -exec rm -rf '{}' +

$(CORE):
	@$(make-venv)
	@rm -f .venv/stamp-*
	@$(call install,--require-hashes -r locks/core.txt)
	@$(call install,--no-deps --no-build-isolation -e .)
	@echo "Compiling the kernels / 编译内核" >&2; $(BIN)/python -c "import twin.coverage.arcs, twin.coverage.windows"
	@touch "$@"

$(DEV): | $(CORE)
	@$(call install,--require-hashes -r locks/dev.txt)
	@touch "$@"

$(NOTEBOOKS): | $(CORE)
	@$(call install,--require-hashes -r locks/notebooks.txt)
	@touch "$@"

# Keeps a .venv that was made here, has pip and is new enough; else makes it anew.
define make-venv
if ! grep -qsF "$$(pwd -P)/.venv" $(BIN)/activate || ! $(BIN)/python -c '$(new-enough); import pip' 2>/dev/null; then \
    command -v "$(PYTHON)" >/dev/null || { \
        echo "没有 $(PYTHON)：请安装 Python 3.11 或更新版本，或指定 make setup PYTHON=..." >&2; \
        echo "There is no $(PYTHON): install Python 3.11 or newer, or name one by make setup PYTHON=..." >&2; exit 1; }; \
    "$(PYTHON)" -c '$(new-enough)' 2>/dev/null || { \
        echo "需要 Python 3.11 或更新版本，$(PYTHON) 是 $$("$(PYTHON)" -V 2>&1)：请指定 make setup PYTHON=python3.11" >&2; \
        echo "Python 3.11 or newer is needed, $(PYTHON) is $$("$(PYTHON)" -V 2>&1): name one by make setup PYTHON=python3.11" >&2; exit 1; }; \
    "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
        package=$$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
        echo "$(PYTHON) 缺少 venv 模块：请先运行 apt-get install python3-venv（或 $$package），再重试" >&2; \
        echo "$(PYTHON) lacks the venv module: run apt-get install python3-venv (or $$package) first, then try again" >&2; exit 1; }; \
    echo "Making .venv of $$("$(PYTHON)" -V) / 创建环境" >&2; rm -rf .venv && "$(PYTHON)" -m venv .venv; \
fi
endef
new-enough = import sys; assert sys.version_info >= (3, 11)

# The uv to use: the one on PATH, else one fetched into .venv, else none.
define find-uv
case "$(UV)" in \
    '' | off) ;; \
    auto) if command -v uv; then :; \
        elif [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --only-binary :all: uv >/dev/null 2>&1; then echo $(BIN)/uv; fi ;; \
    *) echo "$(UV)" ;; \
esac
endef

define install
uv=$$($(find-uv)); echo "Installing / 安装: $(1)" >&2; \
{ [ -n "$$uv" ] && "$$uv" pip install --quiet --python $(BIN)/python $(1); } || $(BIN)/python -m pip install -qq $(1)
endef

define solve
uv=$$($(find-uv)); [ -n "$$uv" ] || { echo "make lock 需要 uv / make lock needs uv: pip install uv" >&2; exit 1; }; \
echo "locks/$(1).txt" >&2; \
"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) pyproject.toml $(2) -o locks/$(1).txt
endef
