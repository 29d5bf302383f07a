"""JAX: `jit` calls a compiled step, `scan` a compiled loop of 20 steps."""
import os

import common

args = common.arguments(["jit", "scan"])
if args.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_default_prng_impl", "unsafe_rbg")  # the fastest random bits for dropout


class Jax:
    framework, version, label_type = "JAX", jax.__version__, np.int32

    def __init__(self, model, data, variant):
        self.model, self.data, self.recipe = model, data, model.recipe
        self.steps_per_call = 20 if variant == "scan" else 1
        self.infer_batches = () if variant == "scan" else (100, 1000, 10_000)
        self.train_set, self.test_set = (tuple(map(jnp.asarray, part)) for part in (data.train, data.test))
        pick = lambda *fields: [{f: jnp.asarray(getattr(layer, f)) for f in fields if getattr(layer, f) is not None}
                                for layer in model.layers]
        weights, averages = pick("weight", "bias", "scale"), pick("mean", "variance")
        moments = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)] if self.recipe.adam else []
        self.state = (weights, averages, moments, jax.random.key(0))
        several = lambda state, steps, data: lax.scan(lambda s, one: (self.step(s, one, data), None), state, steps)[0]
        self.jitted = jax.jit(several if variant == "scan" else self.step, donate_argnums=0)
        self.jitted_right = jax.jit(self.count_right, static_argnums=4)

    @staticmethod
    def mode(_):
        return "compiled"

    def forward(self, weights, averages, x, key=None, training=True):
        """Logits, and the statistics of the batch. Without a key nothing is dropped."""
        activate = jax.nn.relu if self.recipe.activation == "relu" else jax.nn.sigmoid
        statistics = []
        if self.model.layers[0].is_conv:
            x = x.reshape(-1, 28, 28, 1)
        for plan, layer, average in zip(self.model.layers, weights, averages):
            if plan.is_conv:
                x = lax.conv_general_dilated(x, layer["weight"], (plan.stride,) * 2, "SAME",
                                             dimension_numbers=("NHWC", "HWIO", "NHWC"))
            else:
                x = x.reshape(x.shape[0], -1) @ layer["weight"]
            if plan.is_normed:
                axes = tuple(range(x.ndim - 1))
                used = {"mean": x.mean(axes), "variance": x.var(axes)} if training else average
                statistics.append(used)
                factor = lax.rsqrt(used["variance"] + common.EPS) * layer.get("scale", 1.0)
                x = x * factor + (layer["bias"] - used["mean"] * factor)
            else:
                statistics.append({})
                x = x + layer["bias"]
            if plan is self.model.layers[-1]:
                return x, statistics
            x = activate(x)
            if not plan.is_conv and self.recipe.keep < 1 and key is not None:
                key, now = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(now, self.recipe.keep, x.shape), x / self.recipe.keep, 0.0)

    def scaled_loss(self, weights, averages, x, y, key):
        logits, statistics = self.forward(weights, averages, x, key)
        picked = jnp.take_along_axis(logits, y[:, None], 1)[:, 0]
        return (jax.nn.logsumexp(logits, 1) - picked).mean() * common.LOSS_SCALE, statistics

    def step(self, state, one, data):
        weights, averages, moments, key = state
        indices, rate, correction, fresh = one
        key, now = jax.random.split(key) if self.recipe.keep < 1 else (key, None)
        x, y = (part[indices] for part in data)
        grads, statistics = jax.grad(self.scaled_loss, has_aux=True)(weights, averages, x, y, now)
        averages = jax.tree.map(lambda old, new: old + fresh * (new - old), averages, statistics)
        if self.recipe.adam:
            first = jax.tree.map(lambda m, g: m + (1 - common.BETA1) * (g - m), moments[0], grads)
            second = jax.tree.map(lambda v, g: v + (1 - common.BETA2) * (g * g - v), moments[1], grads)
            update = lambda w, m, v: w - rate * correction * m / (jnp.sqrt(v) + common.ADAM_EPS)
            weights, moments = jax.tree.map(update, weights, first, second), [first, second]
        else:
            weights = jax.tree.map(lambda w, g: w - rate * g, weights, grads)
        return weights, averages, moments, key

    def numbers(self, step):
        """What is different in each step: indices, learning rate, Adam's correction of its start, the averages' share."""
        correction = np.sqrt(1 - common.BETA2 ** (step + 1)) / (1 - common.BETA1 ** (step + 1))
        numbers = (self.model.rate(step), correction, 1 - self.model.keep_average(step))
        return self.data.batch(), *map(np.float32, numbers)

    def train(self, step):
        if self.steps_per_call > 1:
            steps = [self.numbers(step + i) for i in range(self.steps_per_call)]
            self.state = self.jitted(self.state, tuple(map(np.stack, zip(*steps))), self.train_set)
        else:
            self.state = self.jitted(self.state, self.numbers(step), self.train_set)

    def wait(self):
        jax.block_until_ready(self.state[0])

    def count_right(self, weights, averages, data, start, batch):
        x, y = (lax.dynamic_slice_in_dim(part, start, batch) for part in data)
        return (self.forward(weights, averages, x, training=False)[0].argmax(1) == y).sum()

    def right(self, batch):
        weights, averages, *_ = self.state
        starts = range(0, len(self.test_set[1]), batch)
        return sum(map(int, [self.jitted_right(weights, averages, self.test_set, s, batch) for s in starts]))

    def loss(self, images, labels):
        return self.scaled_loss(self.state[0], self.state[1], jnp.asarray(images), jnp.asarray(labels), None)[0]


common.main(args, Jax)
