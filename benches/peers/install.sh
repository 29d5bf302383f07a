#!/usr/bin/env bash
# Installs the other frameworks into the folder .env: the Python ones by pip into an environment of their own, the Rust ones by
# cargo for this machine's CPU. Does nothing where they are there already. About 6 GB on the disk, most of it PyTorch's
# libraries for GPUs, which its package brings along.
set -euo pipefail
cd "$(dirname "$0")"

[ -x .env/python/bin/python ] || "${PYTHON:-python3}" -m venv .env/python
if ! cmp --silent requirements.txt .env/python/installed.txt; then
  .env/python/bin/pip install --quiet --requirement requirements.txt
  cp requirements.txt .env/python/installed.txt
fi

RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR="$PWD/.env/rust" \
  cargo build --quiet --release --locked --manifest-path rust/Cargo.toml
