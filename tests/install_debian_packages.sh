#!/usr/bin/env bash
# What tests need from Debian: Chromium, and libatomic for Playwright's driver; for storms RabbitMQ, and libfaketime for a
# clock that is wrong; for benchmarks flite and espeak-ng, which speak. Where they cannot be installed, say what to do.
set -euo pipefail

packages=(chromium libatomic1 rabbitmq-server libfaketime flite espeak-ng)

if dpkg --status "${packages[@]}" >/dev/null 2>&1; then
  exit 0
elif [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v apt-get >/dev/null && sudo --non-interactive true 2>/dev/null; then
  as_root=(sudo)
elif command -v chromium >/dev/null && [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; then
  exit 0 # another distribution, or an image with a browser of its own
else
  echo "The tests need Chromium and RabbitMQ: install ${packages[*]}, then run this again." >&2
  exit 1
fi
# A server that was only installed for its programs is not started: each test starts its own.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
"${as_root[@]}" apt-get update --quiet=2
"${as_root[@]}" apt-get install --yes --no-install-recommends --quiet=2 "${packages[@]}" </dev/null >/dev/null
