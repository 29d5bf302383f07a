#!/usr/bin/env bash
# Measures our framework and the others side by side and writes RESULTS.md beside this file. Takes the better part of an hour;
# options make it shorter: ./compare.sh --rounds 1 --models softmax,convolutional --frameworks ours,JAX
set -euo pipefail
cd "$(dirname "$0")"
peers/install.sh
cargo build --quiet --release --locked -p benches --bins
exec cargo run --quiet --release --locked -p benches --bin compare -- "$@"
