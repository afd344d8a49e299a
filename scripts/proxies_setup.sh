#!/usr/bin/env bash
# Unpacks the proxies that the documentation configures, and the libraries that they need, into the folder that it is
# given, as far as they are not installed. Their packages would start services; unpacked, they start nothing, and root
# is not needed. tests/system/proxies.py looks there. Fails if a package can't be had.
set -euo pipefail

folder=$(realpath -m "${1:?expected the folder to unpack into}")
rm -rf "$folder"
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/root"

missing=()
for package in nginx libnginx-mod-stream haproxy apache2-bin caddy; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

# apt chooses the libraries that are missing, and checks what it downloads. Its own files stay as they are.
apt_options=(-qq -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" -o APT::Get::List-Cleanup=0
    -o APT::Sandbox::User=root -o Debug::NoLocking=1)
apt-get "${apt_options[@]}" update
apt-get "${apt_options[@]}" install --yes --download-only --no-install-recommends "${missing[@]}"
for package in "$folder"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
rm -rf "$folder/lists" "$folder/cache"
