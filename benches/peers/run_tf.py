"""TensorFlow: `function` and `jit` (XLA) call a step, `function_loop` and `jit_loop` a loop of 20 steps."""
import os

import common

args = common.arguments(["function", "jit", "function_loop", "jit_loop"])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(args.threads)


class TensorFlow:
    framework, version, label_type = "TensorFlow", tf.__version__, np.int32

    def __init__(self, model, data, variant):
        self.model, self.data, self.recipe = model, data, model.recipe
        self.jit, loop = variant.startswith("jit"), variant.endswith("loop")
        self.steps_per_call = 20 if loop else 1
        self.infer_batches = () if loop else (100, 200, 500, 1000, 10_000)
        self.train_set, self.test_set = (tuple(map(tf.constant, part)) for part in (data.train, data.test))
        variables = lambda *fields: [{f: tf.Variable(getattr(layer, f)) for f in fields if getattr(layer, f) is not None}
                                     for layer in model.layers]
        self.layers = variables("weight", "bias", "scale", "mean", "variance")
        self.trained = [layer[f] for layer in self.layers for f in ("weight", "bias", "scale") if f in layer]
        self.moments = [[tf.Variable(tf.zeros_like(v)) for v in self.trained] for _ in range(2)]
        specs = [tf.TensorSpec([common.BATCH], tf.int32), *[tf.TensorSpec([], tf.float32)] * 4]
        if loop:
            specs = [tf.TensorSpec([self.steps_per_call, *spec.shape], spec.dtype) for spec in specs]
        compiled = True if self.jit else None
        self.call = tf.function(self.steps if loop else self.step, jit_compile=compiled, input_signature=specs)
        self.count_right = tf.function(self.count_right, jit_compile=compiled)

    @staticmethod
    def mode(_):
        return "compiled"

    def forward(self, x, training, keep=1.0, fresh=0.0):
        """`fresh` is the share of the batch's statistics in the new running averages."""
        activate = tf.nn.relu if self.recipe.activation == "relu" else tf.sigmoid
        if self.model.layers[0].is_conv:
            x = tf.reshape(x, [-1, 28, 28, 1])
        for plan, layer in zip(self.model.layers, self.layers):
            if plan.is_conv:
                x = tf.nn.conv2d(x, layer["weight"], plan.stride, "SAME")
            else:
                x = tf.matmul(tf.reshape(x, [-1, plan.weight.shape[0]]), layer["weight"])
            if plan.is_normed:
                x = self.normalise(x, layer, training, fresh)
            else:
                x = tf.nn.bias_add(x, layer["bias"])
            if plan is self.model.layers[-1]:
                return x
            x = activate(x)
            if not plan.is_conv and training and keep < 1:
                x = tf.nn.dropout(x, 1 - keep)

    def normalise(self, x, layer, training, fresh):
        scale, offset = layer.get("scale"), layer["bias"]
        if not training:
            return tf.nn.batch_normalization(x, layer["mean"], layer["variance"], offset, scale, common.EPS)
        if plain_images := len(x.shape) == 4 and not self.jit:
            ones = tf.ones_like(offset) if scale is None else scale
            fused = tf.compat.v1.nn.fused_batch_norm
            x, mean, variance = fused(x, ones, offset, epsilon=common.EPS, is_training=True)
        else:  # XLA fuses these by itself
            mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        layer["mean"].assign_add(fresh * (mean - layer["mean"]))
        layer["variance"].assign_add(fresh * (variance - layer["variance"]))
        return x if plain_images else tf.nn.batch_normalization(x, mean, variance, offset, scale, common.EPS)

    def scaled_loss(self, x, y, keep, fresh):
        logits = self.forward(x, True, keep, fresh)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)) * common.LOSS_SCALE

    def step(self, indices, rate, beta1_power, beta2_power, fresh):
        x, y = (tf.gather(part, indices) for part in self.train_set)
        with tf.GradientTape() as tape:
            loss = self.scaled_loss(x, y, self.recipe.keep, fresh)
        grads = tape.gradient(loss, self.trained)
        if not self.recipe.adam:
            for variable, grad in zip(self.trained, grads):
                variable.assign_sub(rate * grad)
            return
        for variable, first, second, grad in zip(self.trained, *self.moments, grads):
            if self.jit:
                m = first.assign_add((1 - common.BETA1) * (grad - first))
                v = second.assign_add((1 - common.BETA2) * (grad * grad - second))
                corrected = rate * tf.sqrt(1 - beta2_power) / (1 - beta1_power)
                variable.assign_sub(corrected * m / (tf.sqrt(v) + common.ADAM_EPS))
            else:  # the whole update in one kernel
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle, m=first.handle, v=second.handle, grad=grad, lr=rate, beta1=common.BETA1,
                    beta2=common.BETA2, beta1_power=beta1_power, beta2_power=beta2_power, epsilon=common.ADAM_EPS)

    def steps(self, *numbers):
        for i in tf.range(self.steps_per_call):
            self.step(*[number[i] for number in numbers])

    def numbers(self, step):
        """What is different in each step, in the order of the arguments of `step`."""
        powers = common.BETA1 ** (step + 1), common.BETA2 ** (step + 1)
        numbers = (self.model.rate(step), *powers, 1 - self.model.keep_average(step))
        return self.data.batch(), *map(np.float32, numbers)

    def train(self, step):
        if self.steps_per_call > 1:
            steps = [self.numbers(step + i) for i in range(self.steps_per_call)]
            numbers = map(np.stack, zip(*steps))
        else:
            numbers = self.numbers(step)
        self.call(*map(tf.constant, numbers))

    def wait(self):
        self.trained[-1].numpy()

    def count_right(self, x, y):
        hits = tf.equal(tf.argmax(self.forward(x, False), 1, tf.int32), y)
        return tf.reduce_sum(tf.cast(hits, tf.int32))

    def right(self, batch):
        images, labels = self.test_set
        starts = range(0, len(labels), batch)
        return sum(map(int, [self.count_right(images[s:s + batch], labels[s:s + batch]) for s in starts]))

    def loss(self, images, labels):
        return self.scaled_loss(tf.constant(images), tf.constant(labels), 1.0, 0.0)


common.main(args, TensorFlow)
