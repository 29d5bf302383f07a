"""PyTorch with images in its channels-last format: `eager`, and `compile` by torch.compile."""
import common

args = common.arguments(["eager", "compile"])

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(args.threads)


class Torch:
    framework, version, label_type = "PyTorch", torch.__version__, np.int64
    steps_per_call = 1

    def __init__(self, model, data, variant):
        self.model, self.data, self.recipe = model, data, model.recipe
        self.train_set, self.test_set = ([torch.from_numpy(a) for a in part] for part in (data.train, data.test))
        self.layers = [self.layer(layer) for layer in model.layers]
        trained = [layer[field].requires_grad_() for layer in self.layers for field in ("weight", "bias", "scale")
                   if layer[field] is not None]
        make = torch.optim.Adam if self.recipe.adam else torch.optim.SGD
        self.optimizer = make(trained, lr=model.rate(0), fused=True)
        self.compiled = variant == "compile"
        self.infer_batches = (100, 1000) if self.compiled else (100, 200, 500, 1000, 10_000)
        self.train_loss, self.logits = self.dropout_loss, self.inference
        if self.compiled:
            self.train_loss = torch.compile(self.dropout_loss, dynamic=False, fullgraph=True)
            # Frozen: the weights are constants, laid out as the kernels like them.
            self.logits = torch.compile(self.inference, dynamic=False, options={"freezing": True})

    @staticmethod
    def mode(variant):
        return "compiled" if variant == "compile" else "eager"

    @staticmethod
    def layer(layer):
        fields = ("weight", "bias", "scale", "mean", "variance")
        tensors = {f: None if (a := getattr(layer, f)) is None else torch.from_numpy(a.copy()) for f in fields}
        if layer.is_conv:  # [out, in, height, width] by name, with the channels innermost in memory
            weight = tensors["weight"].permute(3, 2, 0, 1)
            tensors["weight"] = weight.contiguous(memory_format=torch.channels_last)
        else:
            tensors["weight"] = tensors["weight"].T.contiguous()
        return tensors

    def forward(self, x, training, keep, fresh):
        """`fresh` is the share of the batch's statistics in the new running averages."""
        activate = torch.relu if self.recipe.activation == "relu" else torch.sigmoid
        if self.model.layers[0].is_conv:
            x = x.view(-1, 1, 28, 28).contiguous(memory_format=torch.channels_last)
        for plan, layer in zip(self.model.layers, self.layers):
            bias = None if plan.is_normed else layer["bias"]
            if plan.is_conv:
                before, after = common.same_padding(x.shape[2], plan.weight.shape[0], plan.stride)
                if before != after:
                    x, before = F.pad(x, (before, after, before, after)), 0
                x = F.conv2d(x, layer["weight"], bias, plan.stride, before)
            else:
                if x.dim() == 4:
                    x = x.permute(0, 2, 3, 1).flatten(1)
                x = F.linear(x, layer["weight"], bias)
            if layer is self.layers[-1]:
                return x
            if plan.is_normed:
                x = self.normalise(x, layer, training, fresh)
            x = activate(x)
            if not plan.is_conv and training and keep < 1:
                x = F.dropout(x, 1 - keep)

    def normalise(self, x, layer, training, fresh):
        mean, variance, scale, offset = (layer[field] for field in ("mean", "variance", "scale", "bias"))
        if not (training and self.compiled):
            return F.batch_norm(x, mean, variance, scale, offset, training, fresh, common.EPS)
        # `fresh` changes from step to step: as a number it would be compiled anew each time, so it is a tensor, which
        # F.batch_norm does not take.
        shape = (1, -1, 1, 1) if x.dim() == 4 else (1, -1)
        of_batch, center = torch.var_mean(x, [axis for axis in range(x.dim()) if axis != 1], correction=0)
        mean.lerp_(center.detach(), fresh)
        variance.lerp_(of_batch.detach(), fresh)
        factor = torch.rsqrt(of_batch + common.EPS)
        factor = factor if scale is None else factor * scale
        return (x - center.view(shape)) * factor.view(shape) + offset.view(shape)

    def dropout_loss(self, x, y, fresh):
        return F.cross_entropy(self.forward(x, True, self.recipe.keep, fresh), y) * common.LOSS_SCALE

    def inference(self, x):
        return self.forward(x, False, 1, 0.0)

    def train(self, step):
        images, labels = self.train_set
        indices = torch.from_numpy(self.data.batch())
        fresh = 1 - self.model.keep_average(step)
        self.optimizer.param_groups[0]["lr"] = self.model.rate(step)
        x, y = images.index_select(0, indices), labels.index_select(0, indices)
        self.train_loss(x, y, torch.tensor(fresh) if self.compiled else fresh).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def wait(self):
        pass

    def right(self, batch):
        images, labels = self.test_set
        with torch.no_grad() if self.compiled else torch.inference_mode():
            hits = [(self.logits(x).argmax(1) == y).sum() for x, y in zip(images.split(batch), labels.split(batch))]
            return int(sum(hits))

    def loss(self, images, labels):
        logits = self.forward(torch.from_numpy(images), True, 1, 0.0)
        return (F.cross_entropy(logits, torch.from_numpy(labels)) * common.LOSS_SCALE).item()


common.main(args, Torch)
