"""Writes golden vectors of cells as the packages of their authors compute them, in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install torch==2.13.0 minGRU-pytorch==0.2.1 \\
    einops jaxtyping typeguard
/tmp/golden/bin/pip install --no-deps xlstm==2.0.6 sru==2.6.0 fla-core==0.6.0 recurrentgemma==1.0.1
/tmp/golden/bin/python tests/golden/make_packages.py

Of each package only the file with the plain PyTorch code is loaded: the packages compile kernels
for a GPU when they are imported. Where a file computes in float32 always, that name stands for
float64 in it.
"""

import importlib.util
import sys
import types
import warnings
from functools import partial
from importlib.metadata import distribution

import torch
from minGRU_pytorch.minGRU import minGRU
from minGRU_pytorch.minLSTM import minLSTM
from torch_vectors import called, make
from vectors import N_A, N_X

SCRIPT = "make_packages.py"


class Float64(types.ModuleType):
    """torch, with float64 in the place of float32."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def loaded(package, path):
    """One file of a package, without the package."""
    spec = importlib.util.spec_from_file_location(
        path.replace("/", "_").removesuffix(".py"), distribution(package).locate_file(path)
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def min_gru(module, leaves, x):  # the rows z, n here; n, z there
    W, b = (leaves[name].roll(N_A, 0) for name in ("Wx", "b"))
    return called(module, {"to_hidden_and_gate.weight": W, "to_hidden_and_gate.bias": b[:, 0]}, x)


def min_lstm(module, leaves, x):  # the rows f, i, n here; n, f, i there
    W, b = (leaves[name].roll(N_A, 0) for name in ("Wx", "b"))
    own = {"to_hidden_and_f_i_gate.weight": W, "to_hidden_and_f_i_gate.bias": b[:, 0]}
    return called(module, own, x)


def with_bias(module):
    """Its one linear layer with a bias, as in the official code, and h itself for its result."""
    (name,) = (name for name, _ in module.named_children() if name.startswith("to_hidden"))
    rows = getattr(module, name).out_features
    setattr(module, name, torch.nn.Linear(N_X, rows))
    module.to_out = torch.nn.Identity()
    return module


def sru(naive, leaves, x):
    """U has the columns u, f, r and s of each unit side by side."""
    blocks = leaves["Wx"].view(-1, N_A, N_X)
    k = len(blocks)
    x = x.transpose(0, 1)
    U = x @ blocks.permute(1, 0, 2).reshape(k * N_A, N_X).T
    zero, scale = torch.zeros(x.shape[1], N_A), torch.tensor(3.0).sqrt()
    U = U.view(*U.shape[:2], N_A, k)
    U = torch.cat([U[..., :3], U[..., 3:] * scale], -1).flatten(2)
    h, _ = naive(U, x, leaves["v"][:, 0], leaves["b"][:, 0], zero, 0, N_A, False, True, None)
    return h.transpose(0, 1)


def slstm(pointwise, leaves, x):
    """The blocks i, f, z, o there; i, f, o, z here."""

    def turned(name):
        i, f, o, z = leaves[name].split(N_A)
        return torch.cat([i, f, z, o])

    Wx, Wh, b = (turned(name) for name in ("Wx", "Wh", "b"))
    states, hs = torch.zeros(4, x.shape[0], N_A), []
    for step in x.unbind(1):
        states, _ = pointwise(step @ Wx.T, states[0] @ Wh.T, b.T, states, {})
        hs.append(states[0])
    return torch.stack(hs, 1)


def mlstm(step_of, leaves, x):
    """One head; the gate o is the paper's, around the official step."""
    B = x.shape[0]
    C, n, m = torch.zeros(B, 1, N_A, N_A), torch.zeros(B, 1, N_A, 1), torch.zeros(B, 1, 1, 1)
    hs = []
    for step in x.unbind(1):
        q, k, v, o = (step @ leaves["Wx"].T).split(N_A, 1)
        i, f = (torch.cat([q, k, v], 1) @ leaves["Wg"].T + leaves["bg"].T).split(1, 1)
        heads = (one[:, None, None].clone() for one in (q, k, v, i, f))
        h, (C, n, m) = step_of(C, n, m, *heads)
        hs.append(torch.sigmoid(o + leaves["b"].T) * h[:, 0, 0])
    return torch.stack(hs, 1)


def gated_delta(rule, sigmas, leaves, x):
    """One head; the layer makes k of length 1 and a of A, softplus and a bias."""
    q, k, v, sums = (x @ leaves["Wx"].T).split([N_A, N_A, N_A, 2], -1)
    beta, a = (sums + leaves["b"].T).split(1, -1)
    k = k * (k * k).sum(-1, keepdim=True).add(1e-6).rsqrt()
    g = -leaves["A"].exp()[0] * torch.nn.functional.softplus(a)
    q, k, v = (one[:, :, None] for one in (q, k, v))
    o, _ = rule(q, k, v, sigmas * torch.sigmoid(beta), g)
    return o[:, :, 0]


def rg_lru(layers, leaves, x):
    """One block of gates; no step is the first of a segment, so none has a rule of its own."""
    module = layers.RGLRU(N_A, 1)
    own = {
        "a_param": leaves["Lambda"][:, 0],
        "input_gate.w": leaves["Wg"][:N_A].T[None],
        "input_gate.b": leaves["bg"][:N_A].T,
        "a_gate.w": leaves["Wg"][N_A:].T[None],
        "a_gate.b": leaves["bg"][N_A:].T,
    }
    u = x @ leaves["Wx"].T + leaves["b"].T
    y, _ = called(module, own, u, torch.ones(x.shape[:2], dtype=torch.int64))
    return y


def sru_naive():
    """The plain path of sru/ops.py, which compiles C++ on its way."""
    package = types.ModuleType("sru")
    package.__path__ = []
    sys.modules |= {"sru": package, "sru.cuda_functional": types.ModuleType("cuda_functional")}
    sys.modules["sru.cuda_functional"].elementwise_recurrence_forward = None
    source = distribution("sru").locate_file("sru/ops.py").read_text()
    start = source.index("@torch.jit.unused\ndef elementwise_recurrence_naive")
    names = {"torch": torch, "warnings": warnings}
    exec("from typing import *\nfrom torch import Tensor\n" + source[start:], names)
    return names["elementwise_recurrence_naive"]


def recurrentgemma_layers():
    """recurrentgemma/torch/layers.py without its checks of types, which want float32."""
    package, typing = types.ModuleType("recurrentgemma.torch"), types.ModuleType("array_typing")
    typing.typed = lambda function: function
    typing.__getattr__ = lambda name: torch.Tensor
    package.array_typing, package.__path__ = typing, []
    sys.modules |= {"recurrentgemma.torch": package, "recurrentgemma.torch.array_typing": typing}
    module = loaded("recurrentgemma", "recurrentgemma/torch/layers.py")
    module.rnn_scan = partial(module.rnn_scan, acc_dtype=torch.float64)
    return module


def write(name, source, cell, shapes, seed, fields=None, about=""):
    make(SCRIPT, "zoo", name, source, cell, shapes, seed, fields, 0, about)


def main():
    zero = "from the zero state, which the other implementation begins with"
    wide = {"expansion_factor": N_A / N_X}
    both = "minGRU-pytorch 0.2.1, its parallel form, with the biases of BorealisAI/minRNNs"
    shapes = {"Wx": (2 * N_A, N_X), "b": (2 * N_A, 1)}
    write("min_gru", both, partial(min_gru, with_bias(minGRU(N_X, **wide))), shapes, 21, about=zero)
    shapes = {"Wx": (3 * N_A, N_X), "b": (3 * N_A, 1)}
    cell = partial(min_lstm, with_bias(minLSTM(N_X, **wide)))
    write("min_lstm", both, cell, shapes, 22, about=zero)
    shapes = {"Wx": (4 * N_A, N_X), "b": (2 * N_A, 1), "v": (2 * N_A, 1)}
    scaled = "sru scales x alone by α: the weights of the fourth block have it here"
    cell = partial(sru, sru_naive())
    write("sru", "asappresearch/sru 2.6.0, its plain path", cell, shapes, 23, about=scaled)
    shapes = {"Wx": (4 * N_A, N_X), "Wh": (4 * N_A, N_A), "b": (4 * N_A, 1)}
    file = loaded("xlstm", "xlstm/blocks/slstm/src/vanilla/slstm.py")
    cell = partial(slstm, file.slstm_forward_pointwise)
    write("slstm", "NX-AI/xlstm 2.0.6, its plain path", cell, shapes, 24, about=zero)
    shapes = {"Wx": (4 * N_A, N_X), "b": (N_A, 1), "Wg": (2, 3 * N_A), "bg": (2, 1)}
    file = loaded("xlstm", "xlstm/blocks/mlstm/backends.py")
    cell = partial(mlstm, file.recurrent_step_stabilized_simple)
    source = "NX-AI/xlstm 2.0.6, its recurrent step"
    write("mlstm", source, cell, shapes, 25, {"heads": 1}, about=zero)
    file = loaded("fla-core", "fla/ops/gated_delta_rule/naive.py")
    file.torch = Float64("torch")
    shapes = {"Wx": (3 * N_A + 2, N_X), "b": (2, 1), "A": (1, 1)}
    for negative in (False, True):
        cell = partial(gated_delta, file.naive_recurrent_gated_delta_rule, 1 + negative)
        name = "gated_delta_negative" if negative else "gated_delta"
        fields = {"negative_eigenvalues": negative, "heads": 1}
        source = "fla-core 0.6.0, its plain path"
        write(name, source, cell, shapes, 26 + negative, fields, about=zero)
    shapes = {"Wx": (N_A, N_X), "b": (N_A, 1), "Wg": (2 * N_A, N_A), "bg": (2 * N_A, 1)}
    cell = partial(rg_lru, recurrentgemma_layers())
    source = "google-deepmind/recurrentgemma 1.0.1, its PyTorch layers"
    about = "behind the input's projection, and at no step the first of a segment"
    write("rg_lru", source, cell, {**shapes, "Lambda": (N_A, 1)}, 28, about=about)


if __name__ == "__main__":
    main()
