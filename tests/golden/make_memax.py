"""Writes golden vectors of lru as memax computes it, with a parallel scan, in float64.

python -m venv /tmp/golden && /tmp/golden/bin/pip install 'jax[cpu]' equinox memax==0.1.1
/tmp/golden/bin/python tests/golden/make_memax.py

memax computes in complex64 always: in its file that name stands for complex128.
"""

import types

import equinox
import jax
import jax.numpy as jnp
import numpy as np
from memax.equinox.semigroups import lru
from vectors import N_A, inputs, write

jax.config.update("jax_enable_x64", True)


class Complex128(types.ModuleType):
    """jax.numpy, with complex128 in the place of complex64."""

    complex64 = jnp.complex128

    def __getattr__(self, name):
        return getattr(jnp, name)


lru.jnp = Complex128("jnp")


def with_parameters(layer, params):
    """The layer with rnnx's parameters: B has the real rows first, C the real columns."""
    B, C = params["B"], params["C"]
    own = {
        "nu_log": params["nu"][:, 0],
        "theta_log": params["theta"][:, 0],
        "gamma_log": params["gamma"][:, 0],
        "B_re": B[:N_A],
        "B_im": B[N_A:],
        "C_re": C[:, :N_A],
        "C_im": C[:, N_A:],
        "D": params["D"][:, 0],
    }
    return equinox.tree_at(
        lambda one: [getattr(one, name) for name in own], layer, list(own.values())
    )


def main():
    one, two = (N_A, 1), (2 * N_A, N_A)
    shapes = {"nu": one, "theta": one, "gamma": one, "B": two, "C": two[::-1], "D": one}
    drawn = inputs(np.random.default_rng(41), shapes, n_x=N_A)
    layer = lru.LRU(N_A, N_A, jax.random.key(0))
    begins = jnp.zeros(len(drawn["x"]), bool).at[0].set(True)

    def outputs(params, x):
        """(T, n_a, B) of x (T, n_x, B)."""
        made = with_parameters(layer, params)

        def of_one(column):
            return made(made.initialize_carry(), (column, begins))[1]

        return jax.vmap(of_one, in_axes=2, out_axes=2)(x)

    h, back = jax.vjp(outputs, drawn["params"], drawn["x"])
    dparams, dx = back(jnp.asarray(drawn["dh"]))
    found = {"h": h, "dparams": dparams, "dx": dx}
    found = jax.tree.map(np.asarray, found)
    write("zoo", "lru", "make_memax.py", "memax 0.1.1", "", {}, drawn, found)


if __name__ == "__main__":
    main()
