#!/usr/bin/env bash
# Installs Debian's Chromium and a plain font, which the browser tests drive. Called by `make test-browser` and
# .ci/run; does nothing where there is one already.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
  echo "No Chromium here, and no apt-get to install it with: install one, and put 'chromium' on the PATH." >&2
  exit 1
fi
as_root=(); [ "$(id -u)" -eq 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq >/dev/null
"${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null
chromium --version
