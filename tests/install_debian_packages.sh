#!/usr/bin/env bash
# The browser of the end-to-end test, from Debian. Where it cannot be installed, say what to do.
set -euo pipefail

command -v chromium >/dev/null && exit 0

install=(apt-get install --yes --no-install-recommends --quiet=2 chromium)
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif sudo --non-interactive true 2>/dev/null; then
  as_root=(sudo)
else
  echo "The end-to-end test needs Chromium: install Debian's package chromium, then run this again." >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update --quiet=2
"${as_root[@]}" "${install[@]}" </dev/null
