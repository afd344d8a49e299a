#!/usr/bin/env bash
# Unpacks the Autobahn test suite into the folder that it is given: Python 2.7, in which the suite is written, from
# Debian 11, and the suite with its dependencies from PyPI. Nothing is installed. Fails if a package can't be had.
set -euo pipefail

folder=$(realpath -m "${1:?expected the folder to unpack into}")
[ -f "$folder/complete" ] && exit 0
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/debs" "$folder/site"

# The mirror that this machine's sources name also carries Debian 11.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -nE 's#^(URIs:|deb( \[[^]]*\])?) +(https?://[^ ]+/debian)/?( .*)?$#\3#p' | head -n 1)
[ -n "$mirror" ] || { echo "autobahn: expected a Debian mirror in /etc/apt, got none" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" >"$folder/apt/sources.list"
apt_options=(-o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$folder/apt/lists"
    -o Dir::Cache="$folder/apt/cache" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root -o Debug::NoLocking=1)
apt-get "${apt_options[@]}" -qq update
(cd "$folder/debs" && apt-get "${apt_options[@]}" -qq download \
    python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libpython2.7-dev libssl1.1 libffi7)
for package in "$folder"/debs/*.deb; do dpkg-deb -x "$package" "$folder/root"; done

python2() {
    LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/$(uname -m)-linux-gnu" PYTHONNOUSERSITE=1 \
        PYTHONHOME="$folder/root/usr" PYTHONPATH="$folder/site" "$folder/root/usr/bin/python2.7" "$@"
}
# The last pip for Python 2.7. Today's pip downloads its wheel, from which Python 2.7 runs it.
"${PYTHON3:-python3}" -m pip download -q --no-deps --disable-pip-version-check -d "$folder" pip==20.3.4
install() { python2 "$folder/pip-20.3.4-py2.py3-none-any.whl/pip" install -q --no-deps --target "$folder/site" "$@" 2>"$folder/pip.log" || { cat "$folder/pip.log" >&2; exit 1; }; }
install setuptools==44.0.0 wheel==0.36.2
install incremental==16.10.1
install autobahntestsuite==25.10.1 autobahn==0.10.9 Twisted==19.10.0 txaio==2.1.0 zope.interface==4.6.0 constantly==15.1.0 \
    Automat==0.7.0 hyperlink==19.0.0 idna==2.10 typing==3.10.0.0 PyHamcrest==1.10.1 attrs==21.4.0 six==1.16.0 \
    pyOpenSSL==19.1.0 cryptography==3.3.2 cffi==1.15.1 pycparser==2.21 enum34==1.1.10 ipaddress==1.0.23 jinja2==2.11.3 \
    markupsafe==1.1.1 unittest2==1.1.0 traceback2==1.4.0 linecache2==1.0.0
# The suite masks and checks UTF-8 in C if it finds this module; in Python each mode takes an hour.
CFLAGS="-O2 -I$folder/root/usr/include -I$folder/root/usr/include/python2.7" install wsaccel==0.6.2
touch "$folder/site/zope/__init__.py"  # a namespace package whose .pth does not run here
touch "$folder/complete"
