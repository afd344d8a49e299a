# One command per task. Each does its own set-up, and takes seconds if nothing has changed.
#   make demo       serves the chat          (PORT=8000, APP=python or cpp, TLS=1)
#   make test       runs everything that must pass
#   make test-all   also runs more sanitizers and compilers, and the tests that take long
#   make build      .venv/ with the package, build/release/ with library, examples and contract_app
#   make test-cpp, test-python, test-contract, test-browser, lint: parts of make test
#   make coverage   the lines of the C++ layers that their own unit tests run; fails below 95 %
#   make fuzz       searches for inputs that break a parser's rules   (SECONDS=60 per target); fuzz-quick: half a minute
#   make autobahn   runs the Autobahn test suite and writes docs/conformance.md; takes hours
#   make proxies    unpacks nginx, HAProxy, Apache and Caddy for the tests, as far as they are not installed
#   make bench, bench-quick, tidy, format, generate, wheel, clean
#   make help       prints this list

PORT ?= 8000
APP ?= python
TLS ?=
JOBS ?= $(shell nproc)
SECONDS ?= 60
PYTHON3 ?= python3
PYTHON := .venv/bin/python
STAMPS := build/stamps

cpp_sources := CMakeLists.txt CMakePresets.json $(shell find src include cmake -type f)
python_sources := pyproject.toml $(shell find python -type f -name '*.py*' -not -path '*/__pycache__/*' -not -name '*.pyc')
launcher := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

.DELETE_ON_ERROR:
.PHONY: help demo test test-all build bench bench-quick fuzz fuzz-quick fuzz-build lint tidy tidy-changed format generate wheel clean \
    python cpp check test-cpp test-python test-contract test-browser test-release test-asan test-tsan test-clang test-long \
    coverage autobahn autobahn-quick proxies

# ---- set-up ----

build: python cpp

$(STAMPS)/system-build: scripts/setup.sh
	@scripts/setup.sh build
	@mkdir -p $(@D) && touch $@

$(STAMPS)/system-test: scripts/setup.sh
	@scripts/setup.sh test
	@mkdir -p $(@D) && touch $@

$(STAMPS)/system-fuzz: scripts/setup.sh
	@scripts/setup.sh fuzz
	@mkdir -p $(@D) && touch $@

# The proxies that are not installed. Without them the tests of test-contract that need one are skipped.
$(STAMPS)/proxies: scripts/proxies_setup.sh
	@mkdir -p $(@D)
	@scripts/proxies_setup.sh build/proxies && touch $@ || \
	    echo "expected to unpack the proxies from the Debian archive, could not: their tests are skipped" >&2

proxies: $(STAMPS)/proxies

# The build tools. The package and the requirements of the tests are installed later.
$(STAMPS)/venv: pyproject.toml $(STAMPS)/system-build
	@test -x $(PYTHON) || $(PYTHON3) -m venv .venv
	$(PYTHON) -m pip install -q --upgrade scikit-build-core nanobind
	@touch $@

$(STAMPS)/python: $(STAMPS)/venv $(cpp_sources) $(python_sources)
	@echo "building the package; the first time takes some minutes"
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(PYTHON) -m pip install -q --no-build-isolation \
	    --config-settings=build-dir=build/python $(if $(launcher),--config-settings=cmake.define.CMAKE_CXX_COMPILER_LAUNCHER=ccache) .
	@touch $@

# The requirements of the tests without the package: the tests use the package in build/check/package.
$(STAMPS)/python-test: $(STAMPS)/venv $(STAMPS)/system-test scripts/requirements.py tests/contract/package.json
	$(PYTHON) scripts/requirements.py test | xargs -d '\n' $(PYTHON) -m pip install -q
	cd tests/contract && npm ci --silent --no-audit --no-fund
	@touch $@

python: $(STAMPS)/python

# Configures from scratch when the preset or the options below have changed, because cached values would override them.
configure = @cmake --fresh --preset $(1) $(launcher) $(2) >build/cmake-$(1).log || { cat build/cmake-$(1).log; exit 1; }

with_python := -DPROAPI_BUILD_PYTHON=ON -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON)

build/release/build.ninja: Makefile CMakePresets.json | $(STAMPS)/system-test
	$(call configure,release)

build/check/build.ninja: Makefile CMakePresets.json | $(STAMPS)/python-test
	$(call configure,check,$(with_python))

# For the compiler's flags of each source: nothing is built here.
build/tidy/build.ninja: Makefile CMakePresets.json | $(STAMPS)/python-test
	$(call configure,tidy)

build/asan/build.ninja: Makefile CMakePresets.json | $(STAMPS)/python-test
	$(call configure,asan,$(with_python) -DPROAPI_BUILD_BENCH=OFF)

build/tsan/build.ninja build/clang/build.ninja build/coverage/build.ninja: build/%/build.ninja: Makefile CMakePresets.json | $(STAMPS)/system-test
	$(call configure,$*)

build/fuzz/build.ninja: Makefile CMakePresets.json | $(STAMPS)/system-fuzz
	$(call configure,fuzz)

cpp: build/release/build.ninja
	cmake --build build/release -j $(JOBS) --target programs

# A copy of the Python package with the extension of that build.
package = @rm -rf build/$(1)/package && mkdir -p build/$(1)/package && cp -r python/proapi build/$(1)/package && \
    cp build/$(1)/src/bindings/_engine*.so build/$(1)/package/proapi

# One optimized build for all tests of programs and of the package, so that they measure what is shipped.
check: build/check/build.ninja
	cmake --build build/check -j $(JOBS) --target programs
	$(call package,check)

# ---- tasks ----

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

# The C++ chat uses build/release if that is configured; otherwise it configures build/demo, without tests and
# benchmarks.
# With TLS=1: a throw-away certificate, which browsers warn of.
ifneq ($(TLS),)
demo_tls := build/demo-tls
demo_env := PROAPI_SSL_CERTFILE=$(demo_tls)/cert.pem PROAPI_SSL_KEYFILE=$(demo_tls)/key.pem
demo: $(demo_tls)/cert.pem
$(demo_tls)/cert.pem: | $(STAMPS)/system-build
	@mkdir -p $(@D)
	@openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout $(demo_tls)/key.pem -out $@ 2>/dev/null
endif
ifeq ($(APP),cpp)
chat_build := $(if $(wildcard build/release/build.ninja),build/release,build/demo)
demo: $(STAMPS)/system-build
	@test -f $(chat_build)/build.ninja || cmake --preset release -B $(chat_build) $(launcher) -DPROAPI_BUILD_TESTS=OFF \
	    -DPROAPI_BUILD_BENCH=OFF >/dev/null
	cmake --build $(chat_build) -j $(JOBS) --target example_chat
	$(demo_env) PROAPI_PORT=$(PORT) $(chat_build)/examples/cpp/chat
else ifeq ($(APP),python)
demo: python
	$(demo_env) PROAPI_PORT=$(PORT) $(PYTHON) examples/python/chat.py
else
demo:
	@echo "APP: expected python or cpp, got $(APP)" >&2; exit 1
endif

# The tests of one file run one after the other and share its servers; files run in parallel.
checked := PROAPI_BUILD_DIR=build/check PYTHONPATH=$(CURDIR)/build/check/package $(PYTHON) -m pytest
suite = $(checked) -n $(JOBS) --dist loadfile -q $(1) || $(PYTHON) scripts/failed.py pytest '$(checked)'
unit_tests = ctest --test-dir build/$(1) --timeout 300 -j $(JOBS) --output-on-failure --no-tests=error \
    >build/ctest-$(1).log 2>&1 && tail -n 4 build/ctest-$(1).log || \
    { grep -v -e ' Passed ' -e ' Start ' build/ctest-$(1).log; \
      $(PYTHON) scripts/failed.py ctest ctest --test-dir build/$(1) --output-on-failure; }

test: lint tidy-changed test-cpp test-python test-contract test-browser

# The unit tests are built once, with AddressSanitizer and UBSan.
test-cpp: build/asan/build.ninja
	cmake --build build/asan -j $(JOBS) --target unit_tests
	$(call unit_tests,asan)

test-python: check
	$(call suite,tests/python)

test-contract: check proxies
	$(call suite,tests/contract tests/system)

test-browser: check
	$(call suite,tests/browser)

# Minutes each: the build with link-time optimization; every front end under AddressSanitizer and UBSan, except tests
# that take away memory or descriptors which the sanitizers need, or that measure them; ThreadSanitizer; another
# compiler; coverage; long runs with many connections.
test-all: test tidy test-release test-asan test-tsan test-clang coverage test-long autobahn-quick fuzz-quick wheel

test-release: build/release/build.ninja check
	cmake --build build/release -j $(JOBS)
	$(call unit_tests,release)
	PROAPI_BUILD_DIR=build/release PYTHONPATH=$(CURDIR)/build/check/package $(PYTHON) -m pytest -q tests/contract \
	    -n $(JOBS) --dist loadfile --front-end cpp

under_asan = PROAPI_BUILD_DIR=build/asan PYTHONPATH=$(CURDIR)/build/asan/package PYTHONMALLOC=malloc \
    LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so.6)" \
    ASAN_OPTIONS=detect_leaks=0 $(PYTHON) -m pytest -m "not memory" -q -n $(JOBS) --dist loadfile

test-asan: build/asan/build.ninja
	cmake --build build/asan -j $(JOBS)
	$(call package,asan)
	$(under_asan) tests/python
	$(under_asan) tests/contract

test-tsan: build/tsan/build.ninja
	cmake --build build/tsan -j $(JOBS) --target unit_tests
	$(call unit_tests,tsan)

test-clang: build/clang/build.ninja
	cmake --build build/clang -j $(JOBS) --target unit_tests
	$(call unit_tests,clang)

coverage: build/coverage/build.ninja $(STAMPS)/venv
	cmake --build build/coverage -j $(JOBS) --target base_tests http_tests ws_tests service_tests
	$(PYTHON) scripts/coverage.py build/coverage

test-long: check
	PROAPI_CHURN_SECONDS=60 PROAPI_CANCELLATION_MESSAGES=100000 PROAPI_LEAK_MESSAGES=1000000 $(checked) -q \
	    tests/system/test_churn.py tests/system/test_cancellation.py tests/system/test_leaks.py
	PROAPI_FILE_RACES=50000 $(checked) -q tests/contract/test_file_paths.py -k changes
	PROAPI_LARGE_BODY_MIB=2048 $(checked) -q tests/contract/test_large_bodies.py

# The Autobahn test suite is unpacked in build/autobahn; nothing is installed.
autobahn_suite := PROAPI_BUILD_DIR=build/check PYTHONPATH=$(CURDIR)/build/check/package $(PYTHON) scripts/autobahn.py

build/autobahn/complete: scripts/autobahn_setup.sh
	scripts/autobahn_setup.sh build/autobahn

autobahn: check build/autobahn/complete
	$(autobahn_suite) --write

autobahn-quick: check build/autobahn/complete
	$(autobahn_suite) "C++" "Python, fast" "Python, standard" $(foreach section,1 2 3 4 5 6 7 9 10,--cases "$(section).*")
	$(autobahn_suite) "C++, shared" "Python, fast, dedicated" "Python, standard, dedicated, TLS" --cases "12.1.*"

# An input that breaks a rule is kept in build/fuzz/found, and the command that repeats it is printed. Inputs that reach
# new code are kept in build/fuzz/corpus, where the next search starts.
fuzz: fuzz-build
	$(PYTHON3) fuzz/run.py build/fuzz --seconds $(SECONDS) --jobs $(JOBS) $(TARGETS)

fuzz-quick: fuzz-build
	$(PYTHON3) fuzz/run.py build/fuzz --total 30 --jobs $(JOBS)

fuzz-build: build/fuzz/build.ninja
	cmake --build build/fuzz -j $(JOBS) --target fuzz_targets

# Compares with the newest versions of the other servers.
$(STAMPS)/python-bench: $(STAMPS)/python $(STAMPS)/python-test
	$(PYTHON) -m pip install -q --no-build-isolation --upgrade --upgrade-strategy eager \
	    --config-settings=build-dir=build/python '.[bench]'
	@touch $@

bench: $(STAMPS)/python-bench cpp
	$(PYTHON) bench/echo.py
	$(PYTHON) bench/rest.py

bench-quick: $(STAMPS)/python-bench cpp
	$(PYTHON) bench/echo.py --quick
	$(PYTHON) bench/rest.py --rounds 5

lint: $(STAMPS)/python-test
	$(PYTHON) scripts/check_layers.py
	$(PYTHON) scripts/check_tests.py
	$(PYTHON) scripts/generate_settings.py --check
	$(PYTHON) scripts/generate_contract.py --check
	$(PYTHON) scripts/generate_reliability.py --check
	.venv/bin/ruff check python tests examples bench contract fuzz scripts
	.venv/bin/ruff format --check python tests examples bench contract fuzz scripts
	.venv/bin/mypy
	@git ls-files '*.cpp' '*.hpp' | xargs .venv/bin/clang-format --dry-run -Werror || \
	    { echo 'expected C++ files as clang-format writes them: run `make format`' >&2; exit 1; }

# The sources that the last commit has changed take seconds; all of them take minutes.
tidy-changed: build/tidy/build.ninja
	$(PYTHON) scripts/tidy.py build/tidy --jobs $(JOBS)

tidy: build/tidy/build.ninja
	$(PYTHON) scripts/tidy.py build/tidy --all --jobs $(JOBS)

format: $(STAMPS)/python-test
	.venv/bin/ruff format python tests examples bench contract fuzz scripts
	git ls-files '*.cpp' '*.hpp' | xargs .venv/bin/clang-format -i

# Writes the files that follow from contract/settings.json, contract/promises.json and the markers of the tests.
generate:
	$(PYTHON3) scripts/generate_settings.py
	$(PYTHON3) scripts/generate_contract.py
	$(PYTHON3) scripts/generate_reliability.py

wheel: $(STAMPS)/venv
	$(PYTHON) -m pip wheel -q --no-deps --no-build-isolation -w dist .

clean:
	rm -rf build dist .venv tests/contract/node_modules
