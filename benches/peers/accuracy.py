"""How far values, gradients and second gradients are from the exact ones: ours, PyTorch's and JAX's on the same inputs.

`accuracy.py FILE` reads the cases that `cargo run -p benches --bin accuracy` has written, one JSON object a line:

  function, dtype, offset, scale
  x          [rows, n], the inputs
  dy, v      of the shape of the value, and of x: the gradient is that of sum(dy * f(x)), the second one that of sum(v * gradient)
  ours       value, gradient, second gradient

and prints a JSON line for each (with `--exact` the exact numbers themselves, as text), with the worst error of each framework in each of the three, in units of eps. The exact numbers
are those of mpmath at a precision of 2,400 bits, with derivatives as central differences of a width of 2^-450.
"""
import json
import math
import os
import sys
from multiprocessing import Pool

os.environ.setdefault("OMP_NUM_THREADS", "1")
import mpmath as mp

mp.mp.prec = 2400
WIDTH = mp.mpf(2) ** -450
EPS = {"f32": 2.0**-23, "f64": 2.0**-52}
LEAST = {"f32": 2.0**-126, "f64": 2.0**-1022}
MOST = {"f32": (2 - 2.0**-23) * 2.0**127, "f64": sys.float_info.max}
NORM_EPS = 1e-5  # of batch and layer normalisation


def shares(n):
    """Soft labels, which add up to 1 exactly."""
    return [(j % 4 + 1) / 16 for j in range(n - 1)] + [1 - sum((j % 4 + 1) / 16 for j in range(n - 1))]


def targets(n):
    """Numbers from 0 to 1."""
    return [(j % 5) / 4 for j in range(n)]


# --- the definitions ------------------------------------------------------------------------------------------------------------


def mean(x):
    return mp.fsum(x) / len(x)


def variance(x, correction=0):
    centre = mean(x)
    return mp.fsum((a - centre) ** 2 for a in x) / (len(x) - correction)


def normalised(x):
    centre, spread = mean(x), mp.sqrt(variance(x) + mp.mpf(NORM_EPS))
    return [(a - centre) / spread for a in x]


def logsumexp(x):
    return mp.log(mp.fsum(mp.exp(a) for a in x))


def log_softmax(x):
    total = logsumexp(x)
    return [a - total for a in x]


def sigmoid(a):
    return 1 / (1 + mp.exp(-a))


def softplus(a):
    return mp.log(1 + mp.exp(a))


def gelu(a):
    return a / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (a + mp.mpf("0.044715") * a**3)))


def each(f):
    """A function of single numbers; with a second one, from 0 to 1, if it takes that."""
    row = lambda x, i: [f(a, mp.mpf(t)) for a, t in zip(x, targets(len(x)))]
    row.elementwise = True
    return row


EXACT = {
    "softmax": lambda x, i: [mp.exp(a) for a in log_softmax(x)],
    "log_softmax": lambda x, i: log_softmax(x),
    "logsumexp": lambda x, i: [logsumexp(x)],
    "cross_entropy": lambda x, i: [logsumexp(x) - x[i % len(x)]],
    "cross_entropy_shares": lambda x, i: [-mp.fsum(mp.mpf(t) * a for a, t in zip(log_softmax(x), shares(len(x))))],
    "var": lambda x, i: [variance(x)],
    "var_unbiased": lambda x, i: [variance(x, 1)],
    "std": lambda x, i: [mp.sqrt(variance(x))],
    "layer_norm": lambda x, i: normalised(x),
    "batch_norm": lambda x, i: normalised(x),
    "mse": each(lambda a, t: (a - t) ** 2),
    "binary_cross_entropy": each(lambda a, t: softplus(a) - a * t),
    "sigmoid": each(lambda a, _: sigmoid(a)),
    "tanh": each(lambda a, _: mp.tanh(a)),
    "softplus": each(lambda a, _: softplus(a)),
    "gelu": each(lambda a, _: gelu(a)),
    "silu": each(lambda a, _: a * sigmoid(a)),
    "elu": each(lambda a, _: a if a > 0 else mp.expm1(a)),
    "exp": each(lambda a, _: mp.exp(a)),
    "exp_m1": each(lambda a, _: mp.expm1(a)),
    "ln": each(lambda a, _: mp.log(a)),
    "ln_1p": each(lambda a, _: mp.log1p(a)),
    "sqrt": each(lambda a, _: mp.sqrt(a)),
    "recip": each(lambda a, _: 1 / a),
    "sin": each(lambda a, _: mp.sin(a)),
    "cos": each(lambda a, _: mp.cos(a)),
    "tan": each(lambda a, _: mp.tan(a)),
    "powf": each(lambda a, _: a ** mp.mpf(2.5)),
}
# Of normalisations, whose rounded mean has a last digit as much larger as the numbers are larger than their deviation.
NORMS = {"layer_norm", "batch_norm"}
# Of numbers whose size is that of what they are the logarithm of, not of themselves.
LOGARITHMS = {"log_softmax", "logsumexp", "cross_entropy", "cross_entropy_shares"}


def exact(case):
    """Value, gradient and second gradient, row by row."""
    f, orders = EXACT[case["function"]], [[], [], []]
    for i, (x, dy, v) in enumerate(zip(case["x"], case["dy"], case["v"])):
        x, dy, v = ([mp.mpf(a) for a in row] for row in (x, dy, v))
        n = range(len(x))
        moved = lambda *steps: f([a + sum(step[j] for step in steps) * WIDTH for j, a in enumerate(x)], i)
        loss = lambda *steps: mp.fsum(d * y for d, y in zip(dy, moved(*steps)))
        unit = lambda j, sign: [sign if k == j else 0 for k in n]
        value = moved()
        if hasattr(f, "elementwise"):  # all at once
            up, down = moved([1] * len(x)), moved([-1] * len(x))
            gradient = [dy[j] * (up[j] - down[j]) / (2 * WIDTH) for j in n]
            second = [v[j] * dy[j] * (up[j] - 2 * value[j] + down[j]) / WIDTH**2 for j in n]
        else:
            back = [-a for a in v]
            gradient = [(loss(unit(j, 1)) - loss(unit(j, -1))) / (2 * WIDTH) for j in n]
            second = [(loss(unit(j, 1), v) - loss(unit(j, -1), v) - loss(unit(j, 1), back) + loss(unit(j, -1), back))
                      / (4 * WIDTH**2) for j in n]
        for order, row in zip(orders, (value, gradient, second)):
            order.append(row)
    return orders


def error(case, order, found, right):
    """The worst error in units of eps: of the largest number of its row, and of logarithms at least of 1."""
    eps, worst = EPS[case["dtype"]], 0.0
    for x, found, right in zip(case["x"], found, right):
        size = max([abs(a) for a in right] + [mp.mpf(LEAST[case["dtype"]])])
        if order == 0 and case["function"] in LOGARITHMS:
            size = max(size, mp.mpf(1))
        if case["function"] == "std" and order > 0 and len(set(x)) == 1:
            continue  # there is none
        if case["function"] in NORMS:
            spread = variance([mp.mpf(a) for a in x])
            if spread > MOST[case["dtype"]]:
                continue
            size *= max(mp.mpf(1), max(map(abs, x)) / mp.sqrt(spread + mp.mpf(NORM_EPS)))
        for a, b in zip(found, right):
            if abs(b) > MOST[case["dtype"]]:
                continue  # no number of this type is near
            distance = abs(mp.mpf(a) - b) / (size * eps) if math.isfinite(a) else mp.inf
            worst = max(worst, float(min(distance, mp.mpf(1e99))))
    return worst


# --- the frameworks -------------------------------------------------------------------------------------------------------------


def pytorch():
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    types = {"f32": torch.float32, "f64": torch.float64}
    like = lambda x, row: torch.tensor(row, dtype=x.dtype).expand_as(x)
    labels = lambda x: torch.arange(len(x)) % x.shape[1]
    functions = {
        "softmax": lambda x: torch.softmax(x, -1),
        "log_softmax": lambda x: torch.log_softmax(x, -1),
        "logsumexp": lambda x: torch.logsumexp(x, -1, True),
        "cross_entropy": lambda x: F.cross_entropy(x, labels(x), reduction="none")[:, None],
        "cross_entropy_shares": lambda x: F.cross_entropy(x, like(x, shares(x.shape[1])), reduction="none")[:, None],
        "var": lambda x: torch.var(x, -1, correction=0, keepdim=True),
        "var_unbiased": lambda x: torch.var(x, -1, correction=1, keepdim=True),
        "std": lambda x: torch.std(x, -1, correction=0, keepdim=True),
        "layer_norm": lambda x: F.layer_norm(x, x.shape[1:], eps=NORM_EPS),
        "batch_norm": lambda x: F.batch_norm(x.T, None, None, training=True, eps=NORM_EPS).T,
        "mse": lambda x: F.mse_loss(x, like(x, targets(x.shape[1])), reduction="none"),
        "binary_cross_entropy": lambda x: F.binary_cross_entropy_with_logits(
            x, like(x, targets(x.shape[1])), reduction="none"),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": F.softplus,
        "gelu": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "elu": F.elu,
        "exp": torch.exp,
        "exp_m1": torch.expm1,
        "ln": torch.log,
        "ln_1p": torch.log1p,
        "sqrt": torch.sqrt,
        "recip": torch.reciprocal,
        "sin": torch.sin,
        "cos": torch.cos,
        "tan": torch.tan,
        "powf": lambda x: x**2.5,
    }

    def run(case):
        x, dy, v = (torch.tensor(case[key], dtype=types[case["dtype"]]) for key in ("x", "dy", "v"))
        x.requires_grad_()
        y = functions[case["function"]](x)
        (g,) = torch.autograd.grad(y, x, dy, create_graph=True)
        h = torch.zeros_like(x)
        if g.requires_grad:
            (h,) = torch.autograd.grad(g, x, v, materialize_grads=True)
        return [a.detach().double().tolist() for a in (y, g, h)]

    return run


def jax():
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    like = lambda x, row: jnp.broadcast_to(jnp.asarray(row, x.dtype), x.shape)

    def cross_entropy(x):
        labels = jnp.arange(len(x)) % x.shape[1]
        return -jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], 1)

    def binary_cross_entropy(x):
        t = like(x, targets(x.shape[1]))
        return -(t * jax.nn.log_sigmoid(x) + (1 - t) * jax.nn.log_sigmoid(-x))

    def normalised(x):
        return (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + NORM_EPS)

    functions = {
        "softmax": jax.nn.softmax,
        "log_softmax": jax.nn.log_softmax,
        "logsumexp": lambda x: jax.nn.logsumexp(x, -1, keepdims=True),
        "cross_entropy": cross_entropy,
        "cross_entropy_shares": lambda x: -(like(x, shares(x.shape[1])) * jax.nn.log_softmax(x)).sum(-1, keepdims=True),
        "var": lambda x: x.var(-1, keepdims=True),
        "var_unbiased": lambda x: x.var(-1, ddof=1, keepdims=True),
        "std": lambda x: x.std(-1, keepdims=True),
        "layer_norm": normalised,
        "batch_norm": normalised,
        "mse": lambda x: (x - like(x, targets(x.shape[1]))) ** 2,
        "binary_cross_entropy": binary_cross_entropy,
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "softplus": jax.nn.softplus,
        "gelu": lambda x: jax.nn.gelu(x, approximate=True),
        "silu": jax.nn.silu,
        "elu": jax.nn.elu,
        "exp": jnp.exp,
        "exp_m1": jnp.expm1,
        "ln": jnp.log,
        "ln_1p": jnp.log1p,
        "sqrt": jnp.sqrt,
        "recip": jnp.reciprocal,
        "sin": jnp.sin,
        "cos": jnp.cos,
        "tan": jnp.tan,
        "powf": lambda x: x**2.5,
    }

    def orders(f):
        gradient = lambda x, dy: jax.vjp(f, x)[1](dy)[0]
        second = lambda x, dy, v: jax.vjp(lambda x: gradient(x, dy), x)[1](v)[0]
        return jax.jit(lambda x, dy, v: (f(x), gradient(x, dy), second(x, dy, v)))

    jitted = {name: orders(f) for name, f in functions.items()}

    def run(case):
        dtype = {"f32": jnp.float32, "f64": jnp.float64}[case["dtype"]]
        found = jitted[case["function"]](*(jnp.asarray(case[key], dtype) for key in ("x", "dy", "v")))
        return [a.astype(jnp.float64).tolist() for a in found]

    return run


def main():
    number = lambda x: list(map(number, x)) if isinstance(x, list) else float(x)
    with open(sys.argv[1]) as file:
        cases = [json.loads(line) for line in file]
    for case in cases:
        case |= {key: number(case[key]) for key in ("x", "dy", "v", "ours")}
    if "--exact" in sys.argv:
        for case in cases:
            orders = [case["x"], *exact(case)]
            head = f"{case['function']} {case['offset']!r} {case['scale']!r}"
            print(";".join([head] + [" ".join(repr(float(a)) for row in rows for a in row) for rows in orders]))
        return
    # Before the frameworks have threads of their own, which would not survive a fork.
    with Pool() as pool:
        right = pool.map(exact, cases, chunksize=1)
    peers = {"PyTorch": pytorch(), "JAX": jax()}
    for case, right in zip(cases, right):
        found = {"ours": case["ours"]} | {name: run(case) for name, run in peers.items()}
        line = {key: case[key] for key in ("function", "dtype", "offset", "scale")}
        line |= {name: [error(case, order, values[order], right[order]) for order in range(3)]
                 for name, values in found.items()}
        print(json.dumps(line), flush=True)


main()
