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
CLIENTS := .venv/stamp-$(KEY)-clients
PEERS := .venv/stamp-$(KEY)-peers
NOTEBOOKS := .venv/stamp-$(KEY)-notebooks
# An interpreter that vanished (a system upgrade) leaves stamps that lie.
ifneq ($(shell test -x $(BIN)/python && echo yes),yes)
.PHONY: $(CORE) $(DEV) $(CLIENTS) $(PEERS) $(NOTEBOOKS)
endif

.DEFAULT_GOAL := help
.PHONY: help setup run check lint type test test-all test-clients golden notebooks bench bench-serving postgis postgis-stop lock bundle clean
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

test-clients: $(DEV) $(CLIENTS) ## clients that nobody here wrote (Debian's gdal-bin, python3-qgis, qgis-providers) against a live server
	$(PYTEST) -m client tests/clients $(ARGS)

golden: $(DEV) ## write the golden files anew; then read the diff
	TWIN_GOLDEN=write $(PYTEST) tests/golden $(ARGS)

notebooks: $(DEV) $(NOTEBOOKS) ## run every notebook from top to bottom
	$(PYTEST) -m notebook tests/test_notebooks.py $(ARGS)

bench: $(DEV) ## times of this machine as ratios, in minutes (ARGS=--write-readme: into the README too)
	$(BIN)/twin bench $(ARGS)

bench-serving: $(DEV) $(PEERS) ## our server beside tipg and pygeoapi on PostGIS, some ten minutes (Debian's gdal-bin, postgresql-15-postgis-3; ARGS=--write-readme)
	$(BIN)/python -m benchmarks.serving $(ARGS)

postgis: $(DEV) ## PostgreSQL with PostGIS for a developer, in var/postgis (PGPORT=5433 names a port); prints TWIN_STORE
	@$(BIN)/python -m tests.postgis start var/postgis $(PGPORT)

postgis-stop: $(DEV) ## end it; what it holds stays
	@$(BIN)/python -m tests.postgis stop var/postgis

lock: ## solve pyproject.toml into locks/ anew (UPGRADE=1 takes newer releases)
	@$(make-venv)
	@$(call solve,core,pyproject.toml)
	@$(call solve,dev,pyproject.toml --extra dev -c locks/core.txt)
	@$(call solve,notebooks,pyproject.toml --extra notebooks -c locks/core.txt -c locks/dev.txt)
	@$(call solve,clients,locks/clients.in)
	@$(call solve,peers,locks/peers.in)

bundle: $(CORE) ## an archive in dist/ that installs where there is no registry: this commit, its packages, their checksums
	@$(make-bundle)

clean: ## remove .venv, caches and build output; var/ and all data stay
	rm -rf .venv build dist hongqiao_twin.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find twin tests notebooks -type d '(' -name __pycache__ -o -name .ipynb_checkpoints ')' -prune -exec rm -rf '{}' +

$(CORE):
	@$(check-sums)
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

# An environment of its own: what these clients ask for contradicts what the twin stands on.
$(CLIENTS): | $(CORE)
	@rm -rf .venv/clients && "$(PYTHON)" -m venv .venv/clients
	@$(call install,--require-hashes -r locks/clients.txt,.venv/clients)
	@touch "$@"

$(PEERS): | $(CORE)
	@rm -rf .venv/peers && "$(PYTHON)" -m venv .venv/peers
	@$(call install,--require-hashes -r locks/peers.txt,.venv/peers)
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

# Beside a wheelhouse no registry is asked, whatever pip's settings say.
define install
echo "Installing / 安装: $(1)" >&2; \
if [ -d wheelhouse ]; then \
    PIP_CONFIG_FILE=/dev/null $(BIN)/python -m pip --isolated install -qq --disable-pip-version-check \
        --no-index --find-links wheelhouse $(1) || { \
        echo "无法只用 wheelhouse/ 安装：它只含 CPython 3.11、Linux x86_64 与 aarch64（glibc $(GLIBC) 起）运行所需的软件包；有软件包仓库时可移走 wheelhouse/ 再试" >&2; \
        echo "Cannot install from wheelhouse/ alone: it holds what running needs, for CPython 3.11 on Linux x86_64 and aarch64 (glibc $(GLIBC) or newer); where a registry is at hand, move wheelhouse/ away and try again" >&2; exit 1; }; \
else \
    uv=$$($(find-uv)); \
    { [ -n "$$uv" ] && "$$uv" pip install --quiet --python $(or $(2),.venv)/bin/python $(1); } || $(or $(2),.venv)/bin/python -m pip install -qq $(1); \
fi
endef

# An unpacked bundle holds the checksums of all its files.
define check-sums
if [ -f SHA256SUMS ]; then \
    echo "Checking SHA256SUMS / 核对校验和" >&2; \
    sha256sum --check --quiet --strict SHA256SUMS >&2 || { \
        echo "文件与 SHA256SUMS 不符（见上）：请重新复制并解压离线包；若是有意修改，请先删除 SHA256SUMS" >&2; \
        echo "Files differ from SHA256SUMS (above): copy and unpack the bundle again; if you changed them on purpose, delete SHA256SUMS first" >&2; exit 1; }; \
fi
endef

# Wheels alone, by the lock's hashes: pip names a package that has none, and the bundle is refused.
GLIBC := 2.28
PLATFORMS := $(shell seq -f 'manylinux_2_%g' 5 28) manylinux1 manylinux2010 manylinux2014
define make-bundle
name=hongqiao-twin-$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)-offline; \
commit=$$(git rev-parse --verify HEAD) || { echo "make bundle 需要 git 检出 / make bundle needs a git checkout" >&2; exit 1; }; \
[ -z "$$(git status --porcelain)" ] || echo "未提交的改动不在离线包中 / What is not committed is not in the bundle" >&2; \
rm -rf "dist/$$name" "dist/$$name.tar.gz" "dist/$$name.tar.gz.sha256" && mkdir -p "dist/$$name" && \
git archive "$$commit" | tar -x -C "dist/$$name" && \
$(foreach machine,x86_64 aarch64,echo "wheelhouse: $(machine)" >&2; \
    $(BIN)/python -m pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --implementation cp --python-version 3.11 $(PLATFORMS:%=--platform %_$(machine)) \
        -d "dist/$$name/wheelhouse" -r "dist/$$name/locks/core.txt" &&) \
echo "$$commit" > "dist/$$name/COMMIT" && cd dist && \
(cd "$$name" && find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS) && \
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w,u+rw,a+rX --mtime="$$(git show -s --format=%cI "$$commit")" \
    -c "$$name" | gzip -n -1 > "$$name.tar.gz" && \
sha256sum "$$name.tar.gz" > "$$name.tar.gz.sha256" && ls -sh "$$PWD/$$name.tar.gz"
endef

define solve
uv=$$($(find-uv)); [ -n "$$uv" ] || { echo "make lock 需要 uv / make lock needs uv: pip install uv" >&2; exit 1; }; \
echo "locks/$(1).txt" >&2; \
"$$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) $(2) -o locks/$(1).txt
endef
