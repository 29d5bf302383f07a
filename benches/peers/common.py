"""What the Python peers share: command line, the nine models, the digits, timing, the line of results.

A peer is a class with `framework`, `version`, `variants` and
  __init__(model, data, variant)   build the model from its initial weights
  steps_per_call                   training steps that one call of `train` does
  train(step)                      starts the steps from this one on; may return before they are done
  wait()                           until they are done
  right(batch)                     how many test images are recognised, classified in batches of this size
  loss(images, labels)             100 x mean cross-entropy with the batch's statistics and no dropout
"""
import argparse
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open

BATCH = 100
LOSS_SCALE = 100.0
EPS = 1e-5
BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8
STARTED = float(os.environ.get("BENCH_SPAWNED_AT", time.time()))


@dataclass(frozen=True)
class Recipe:
    """What the initial weights do not tell of a model."""
    rate: tuple  # towards the second learning rate, the distance shrinking by e every so many steps
    activation: str = "relu"
    keep: float = 1.0  # of the hidden dense layers' outputs
    decay: float = 0.0  # of the running averages
    adam: bool = True


DECAYING = (0.003, 0.0001, 2000)
RECIPES = {
    "softmax": Recipe((0.005, 0.005, 1), adam=False),
    "five_layers_sigmoid": Recipe((0.003, 0.003, 1), activation="sigmoid"),
    "five_layers_relu_lrdecay": Recipe(DECAYING),
    "five_layers_relu_lrdecay_dropout": Recipe(DECAYING, keep=0.75),
    "convolutional": Recipe(DECAYING),
    "convolutional_bigger_dropout": Recipe(DECAYING, keep=0.75),
    "batchnorm_five_layers_sigmoid": Recipe((0.03, 0.0001, 1000), activation="sigmoid", decay=0.998),
    "batchnorm_five_layers_relu": Recipe((0.03, 0.0001, 1000), decay=0.999),
    "batchnorm_conv": Recipe((0.02, 0.0001, 1600), keep=0.75, decay=0.999),
}
STRIDES = (1, 2, 2)  # of the convolutions, wherever there are any


@dataclass
class Layer:
    """A convolution (kernel [height, width, in, out]) or a dense layer (matrix [in, out])."""
    weight: np.ndarray
    stride: int = 1
    bias: np.ndarray = None  # the offset, where there is batch normalisation
    scale: np.ndarray = None
    mean: np.ndarray = None  # running averages; None without batch normalisation
    variance: np.ndarray = None

    @property
    def is_conv(self):
        return self.weight.ndim == 4

    @property
    def is_normed(self):
        return self.mean is not None


class Model:
    """A model as our own program has exported it."""

    def __init__(self, folder, name):
        self.name, self.recipe = name, RECIPES[name]
        with safe_open(folder / f"{name}.safetensors", "numpy") as file:
            self.metadata = file.metadata()
            self.images = file.get_tensor("images").reshape(-1, 784)
            self.labels = file.get_tensor("labels")
            by_layer = {}
            for key in file.keys():
                if key.startswith("model."):
                    _, index, field = key.split(".")
                    by_layer.setdefault(int(index), {})[field] = file.get_tensor(key)
        self.layers = []
        for _, fields in sorted(by_layer.items()):
            if "weight" in fields:
                self.layers.append(Layer(fields["weight"], bias=fields.get("bias")))
            else:  # the batch normalisation of the layer before
                norm = self.layers[-1]
                norm.bias, norm.scale = fields["offset"], fields.get("scale")
                norm.mean, norm.variance = fields["mean"], fields["variance"]
        for layer, stride in zip(self.layers, STRIDES):
            layer.stride = stride if layer.is_conv else 1

    def rate(self, step):
        most, least, decay = self.recipe.rate
        return least + (most - least) * math.exp(-step / decay)

    def keep_average(self, step):
        """How much of the running averages stays in this step."""
        return min(self.recipe.decay, (1 + step) / (10 + step))

    def parameters(self):
        arrays = [a for l in self.layers for a in (l.weight, l.bias, l.scale) if a is not None]
        return sum(array.size for array in arrays)

    def flops(self):
        """Of a training step: 2 a multiply-add, three passes for each layer, two for the first."""
        size, forward = 28, []
        for layer in self.layers:
            if layer.is_conv:
                size = -(-size // layer.stride)
            forward.append(2 * BATCH * layer.weight.size * (size * size if layer.is_conv else 1))
        return 3 * sum(forward) - forward[0]


class Data:
    """The digits, as numbers from 0 to 1, and the order in which they are trained on."""

    def __init__(self, folder, label_type=np.int32):
        def images(name):
            pixels = np.fromfile(folder / f"{name}-images-idx3-ubyte", np.uint8, offset=16)
            return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32).reshape(-1, 784)

        def labels(name):
            return np.fromfile(folder / f"{name}-labels-idx1-ubyte", np.uint8, offset=8).astype(label_type)

        self.train, self.test = (images("train"), labels("train")), (images("t10k"), labels("t10k"))
        self.random, self.order, self.type = np.random.default_rng(0), np.empty(0, label_type), label_type

    def batch(self):
        """Indices of the next batch."""
        if len(self.order) < BATCH:
            self.order = self.random.permutation(len(self.train[1])).astype(self.type)
        batch, self.order = self.order[:BATCH], self.order[BATCH:]
        return batch


def same_padding(size, kernel, stride):
    """Zeros before and after, as TensorFlow's SAME has them."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def arguments(variants):
    """To be called before the framework is imported, which reads the number of threads from the environment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="all", help="one of the nine models, or all")
    parser.add_argument("--variant", default=variants[0], choices=variants)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--start", type=Path, default=Path(__file__).parent / ".env" / "start",
                        help="the folder that `step --export` has written")
    parser.add_argument("--check", action="store_true", help="print the loss of the first step and no times")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(args.threads)
    return args


def main(args, peer):
    """Checks or measures one model or all of them, and prints a JSON line for each."""
    data = Data(args.start, peer.label_type)
    for name in RECIPES if args.model == "all" else [args.model]:
        model = Model(args.start, name)
        line = {"framework": peer.framework, "version": peer.version, "variant": args.variant, "model": name}
        run = check if args.check else measure
        print(json.dumps(line | run(args, peer(model, data, args.variant), model)), flush=True)


def check(_, peer, model):
    loss = float(peer.loss(model.images, model.labels.astype(peer.label_type)))
    return {"parameters": model.parameters(), "flops": model.flops(), "loss": loss}


def measure(args, peer, model):
    peer.train(0)
    peer.wait()
    first_step_s = time.time() - STARTED
    done = peer.steps_per_call

    def call(count):
        nonlocal done
        start = time.perf_counter()
        for _ in range(count):
            peer.train(done)
            done += peer.steps_per_call
        peer.wait()
        return (time.perf_counter() - start) / count

    # Calls may overlap with the work of the one before, so several are timed together, about 10 ms of them.
    call(max(3, args.steps // 10 // peer.steps_per_call))
    together = max(1, min(20, int(0.01 / call(1))))
    rounds = max(5, args.steps // (together * peer.steps_per_call))
    times = sorted(call(together) / peer.steps_per_call for _ in range(rounds))
    median, p10 = times[len(times) // 2], times[len(times) // 10]
    peer.right(BATCH)
    memory = peak_rss_mb()
    return {
        "threads": args.threads, "mode": peer.mode(args.variant),
        "ms_per_step_median": round(median * 1e3, 4), "ms_per_step_p10": round(p10 * 1e3, 4),
        "images_per_s": round(BATCH / median), "infer_images_per_s": best_inference(peer),
        "peak_rss_mb": memory, "first_step_s": round(first_step_s, 3),
        "gflops": round(model.flops() / median / 1e9, 2), "share_of_peak": None,
    }


def best_inference(peer):
    """Test images classified in a second at the best batch size; None if the variant is only for training."""
    best = None
    for batch in peer.infer_batches:
        peer.right(batch)  # compiles, perhaps
        times, begun = [], time.perf_counter()
        while time.perf_counter() - begun < 0.5:
            start = time.perf_counter()
            peer.right(batch)
            times.append(time.perf_counter() - start)
        best = max(best or 0, round(10_000 / sorted(times)[len(times) // 2]))
    return best


def peak_rss_mb():
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6, 1)
