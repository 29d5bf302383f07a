#!/usr/bin/env bash
# Draws the figures of the README from runs of its own: all nine models, about eight minutes on two cores. With names, only
# those.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=$(mktemp -d)
models=("$@")
[ $# -gt 0 ] || models=(softmax five_layers_sigmoid five_layers_relu_lrdecay five_layers_relu_lrdecay_dropout convolutional
  convolutional_bigger_dropout batchnorm_five_layers_sigmoid batchnorm_five_layers_relu batchnorm_conv)
for name in "${models[@]}"; do
  cargo run -q -p mnist --example "$name" -- --quiet --out "$runs/$name"
  cp "$runs/$name/figure.png" "mnist/figures/$name.png"
done
rm -r "$runs"
