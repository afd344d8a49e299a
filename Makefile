# One command a task, each doing its own set-up. A second run with nothing changed takes seconds.
#   make demo    serves the chat          (PORT=8000, APP=python or cpp)
#   make test    everything that must hold
#   make build   .venv/ with the package, build/release/ with library, examples and contract_app
#   make bench, bench-quick, lint, tidy, format, tsan, wheel, clean
#   make help    says this

PORT ?= 8000
APP ?= python
JOBS ?= $(shell nproc)
PYTHON3 ?= python3
PYTHON := .venv/bin/python
STAMPS := build/stamps

cpp_sources := CMakeLists.txt CMakePresets.json $(shell find src include cmake -type f)
python_sources := pyproject.toml $(shell find python -type f -name '*.py*' -not -path '*/__pycache__/*' -not -name '*.pyc')
launcher := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
suite := .venv/bin/python -m pytest

.DELETE_ON_ERROR:
.PHONY: help demo test build bench bench-quick lint tidy format tsan wheel clean \
    python cpp test-cpp test-python test-contract test-browser test-asan

# ---- set-up ----

build: python cpp

$(STAMPS)/system-build: scripts/setup.sh
	@scripts/setup.sh build
	@mkdir -p $(@D) && touch $@

$(STAMPS)/system-test: scripts/setup.sh
	@scripts/setup.sh test
	@mkdir -p $(@D) && touch $@

# The tools that build, then the package with all it needs to be tested.
$(STAMPS)/venv: pyproject.toml $(STAMPS)/system-build
	@test -x $(PYTHON) || $(PYTHON3) -m venv .venv
	$(PYTHON) -m pip install -q --upgrade scikit-build-core nanobind
	@touch $@

$(STAMPS)/python: $(STAMPS)/venv $(cpp_sources) $(python_sources)
	@echo "building the package; the first time takes some minutes"
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(PYTHON) -m pip install -q --no-build-isolation \
	    --config-settings=build-dir=build/python $(if $(launcher),--config-settings=cmake.define.CMAKE_CXX_COMPILER_LAUNCHER=ccache) .
	@touch $@

$(STAMPS)/python-test: $(STAMPS)/python $(STAMPS)/system-test tests/contract/package.json
	$(PYTHON) -m pip install -q --no-build-isolation --config-settings=build-dir=build/python '.[test]'
	cd tests/contract && npm ci --silent --no-audit --no-fund
	@touch $@

python: $(STAMPS)/python

# Afresh where what is asked for below has changed: what CMake remembers would win against it.
configure = @cmake --fresh --preset $(1) $(launcher) $(2) >build/cmake-$(1).log || { cat build/cmake-$(1).log; exit 1; }

build/release/build.ninja: Makefile CMakePresets.json | $(STAMPS)/system-test
	$(call configure,release)

build/asan/build.ninja: Makefile CMakePresets.json | $(STAMPS)/python-test
	$(call configure,asan,-DPROAPI_BUILD_PYTHON=ON -DPROAPI_BUILD_BENCH=OFF -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON))

build/tsan/build.ninja: Makefile CMakePresets.json | $(STAMPS)/system-test
	$(call configure,tsan)

cpp: build/release/build.ninja
	cmake --build build/release -j $(JOBS)

# ---- tasks ----

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

# The C++ chat alone where the rest is not built: no tests, and nothing that only they need.
ifeq ($(APP),cpp)
chat_build := $(if $(wildcard build/release/build.ninja),build/release,build/demo)
demo: $(STAMPS)/system-build
	@test -f $(chat_build)/build.ninja || cmake --preset release -B $(chat_build) $(launcher) -DPROAPI_BUILD_TESTS=OFF \
	    -DPROAPI_BUILD_BENCH=OFF >/dev/null
	cmake --build $(chat_build) -j $(JOBS) --target example_chat
	PROAPI_PORT=$(PORT) $(chat_build)/examples/cpp/chat
else ifeq ($(APP),python)
demo: python
	PROAPI_PORT=$(PORT) $(PYTHON) examples/python/chat.py
else
demo:
	@echo "APP: expected python or cpp, got $(APP)" >&2; exit 1
endif

test: build $(STAMPS)/python-test lint test-cpp test-python test-contract test-browser test-asan

test-cpp: cpp
	ctest --test-dir build/release --output-on-failure --timeout 300 -j $(JOBS)

test-python: $(STAMPS)/python-test
	$(suite) tests/python

test-contract: $(STAMPS)/python-test cpp
	$(suite) tests/contract tests/system

test-browser: $(STAMPS)/python-test cpp
	$(suite) tests/browser

# Against the newest versions of the others.
$(STAMPS)/python-bench: $(STAMPS)/python-test
	$(PYTHON) -m pip install -q --no-build-isolation --upgrade --upgrade-strategy eager \
	    --config-settings=build-dir=build/python '.[bench]'
	@touch $@

bench: $(STAMPS)/python-bench cpp
	$(PYTHON) bench/echo.py

bench-quick: $(STAMPS)/python-bench cpp
	$(PYTHON) bench/echo.py --quick

lint: $(STAMPS)/python-test
	.venv/bin/ruff check python tests examples bench contract
	.venv/bin/ruff format --check python tests examples bench contract
	.venv/bin/mypy

# Minutes long; needs clang-tidy-19.
tidy: cpp
	git ls-files 'src/base/*.cpp' 'src/net/*.cpp' 'src/http/*.cpp' 'src/ws/*.cpp' 'src/server/*.cpp' 'src/app/*.cpp' | \
	    xargs -n 4 -P $(JOBS) clang-tidy-19 -p build/release --quiet

format: $(STAMPS)/python-test
	.venv/bin/ruff format python tests examples bench contract
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i

# The same code under AddressSanitizer and UBSan: the C++ suites, then Python's and the contract over an extension and a
# contract_app that are built that way. Left out: what takes away memory or descriptors that the sanitizer needs itself, or
# measures them.
asan_package := build/asan/package
under_asan = PROAPI_BUILD_DIR=build/asan PYTHONPATH=$(CURDIR)/$(asan_package) PYTHONMALLOC=malloc \
    LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so.6)" \
    ASAN_OPTIONS=detect_leaks=0 $(suite) -m "not memory" -q

test-asan: $(STAMPS)/python-test build/asan/build.ninja
	cmake --build build/asan -j $(JOBS)
	ctest --test-dir build/asan --output-on-failure --timeout 300 -j $(JOBS)
	@rm -rf $(asan_package) && mkdir -p $(asan_package)
	@cp -r python/proapi $(asan_package) && cp build/asan/src/bindings/_engine*.so $(asan_package)/proapi
	$(under_asan) tests/python
	$(under_asan) tests/contract --front-end cpp --front-end python-fast

tsan: build/tsan/build.ninja
	cmake --build build/tsan -j $(JOBS)
	ctest --test-dir build/tsan --output-on-failure --timeout 300 -j $(JOBS)

wheel: $(STAMPS)/venv
	$(PYTHON) -m pip wheel -q --no-deps --no-build-isolation -w dist .

clean:
	rm -rf build dist .venv tests/contract/node_modules
