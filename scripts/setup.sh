#!/usr/bin/env bash
# Installs the missing system packages: `setup.sh build` for building and serving, `setup.sh test` for the whole test
# suite, `setup.sh fuzz` for `make fuzz`. Needs root or passwordless sudo; otherwise it prints the command that installs
# them, and fails. Does nothing if no package is missing.
set -euo pipefail

build_packages=(g++ cmake ninja-build python3-dev python3-venv libssl-dev openssl libsimdjson-dev liburing-dev zlib1g-dev libisal-dev
    libbrotli-dev libzstd-dev nlohmann-json3-dev libspdlog-dev)
test_packages=(libgtest-dev chromium nodejs procps locales)
fuzz_packages=(clang-19 libclang-rt-19-dev)  # libclang-rt contains libFuzzer

packages=("${build_packages[@]}")
[ "${1:-build}" = test ] && packages+=("${test_packages[@]}")
[ "${1:-build}" = fuzz ] && packages+=("${fuzz_packages[@]}")

missing=()
for package in "${packages[@]}"; do
    case "$package" in
        # A compiler, Python or Node.js that was installed another way is accepted.
        g++) command -v g++ >/dev/null && continue ;;
        cmake) command -v cmake >/dev/null && continue ;;
        ninja-build) command -v ninja >/dev/null && continue ;;
        nodejs) command -v npm >/dev/null && command -v node >/dev/null && continue ;;
        python3-dev) python3 -c 'import sysconfig, os, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' 2>/dev/null && continue ;;
        python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null && continue ;;
    esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
# Debian's nodejs comes without npm.
if [[ " ${missing[*]-} " == *" nodejs "* ]]; then missing+=(npm); fi

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ]; then
        as_root=()
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo)
    else
        echo "missing system packages; install them with: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed, python3 is $(python3 --version)" >&2
    exit 1
}
