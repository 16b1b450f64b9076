#!/usr/bin/env bash
# What the browser tests need from Debian: Chromium, and libatomic for Playwright's driver. Where they cannot be
# installed, say what to do.
set -euo pipefail

packages=(chromium libatomic1)

if dpkg --status "${packages[@]}" >/dev/null 2>&1; then
  exit 0
elif [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v apt-get >/dev/null && sudo --non-interactive true 2>/dev/null; then
  as_root=(sudo)
elif command -v chromium >/dev/null; then
  exit 0 # another distribution, or an image with a browser of its own
else
  echo "The browser tests need Chromium: install ${packages[*]}, then run this again." >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update --quiet=2
"${as_root[@]}" apt-get install --yes --no-install-recommends --quiet=2 "${packages[@]}" </dev/null >/dev/null
