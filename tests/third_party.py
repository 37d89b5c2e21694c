"""Sources of third-party plugins that work, for tests that break them."""

# One cell.
GOOD = """
    from dataclasses import dataclass
    import rnnx

    @rnnx.unroll
    @dataclass(frozen=True)
    class Scrn:
        hidden_size: int = 4

        def init(self, rng, n_x, dtype):
            return {}

        def step(self, params, x, state):
            return state, None

        def step_back(self, params, cache, dstate):
            return {}, None, dstate

    @rnnx.hookimpl
    def register_cells(register):
        register("scrn", Scrn)
"""

# One component of every kind but a tracker and a head.
EVERY_KIND = """
    from dataclasses import dataclass
    import io
    import numpy as np
    import rnnx

    @rnnx.unroll
    @dataclass(frozen=True)
    class Cell:
        hidden_size: int = 4

        def init(self, rng, n_x, dtype):
            n = self.hidden_size
            shapes = {"Wx": (n, n_x), "Wh": (n, n), "b": (n, 1)}
            return {k: rng.normal(scale=0.3, size=s).astype(dtype) for k, s in shapes.items()}

        def step(self, params, x, state):
            h = np.tanh(params["Wx"] @ x + params["Wh"] @ state[0] + params["b"])
            return (h,), (x, state[0], h)

        def step_back(self, params, cache, dstate):
            x, before, h = cache
            dz = dstate[0] * (1 - h * h)
            dparams = {"Wx": dz @ x.T, "Wh": dz @ before.T, "b": dz.sum(1, keepdims=True)}
            return dparams, params["Wx"].T @ dz, (params["Wh"].T @ dz,)

    @dataclass(frozen=True)
    class Data:
        def load(self, seed):
            vocabulary = rnnx.Vocabulary.of("abc", end="\\n")
            everything = rnnx.examples_of(vocabulary, ["abc", "ab", "cab", "bca"] * 9)
            train, val = rnnx.split_examples(everything, 0.2, seed)
            return rnnx.Corpus(vocabulary, train, val, "0" * 64)

    @dataclass(frozen=True)
    class Clip:
        def clip(self, grads, norm):
            return False

    @dataclass(frozen=True)
    class Descent:
        learning_rate: float = 0.1

        def init(self, params):
            return {}

        def update(self, params, grads, state, rate, step, scratch):
            params.flat -= rate * grads.flat

    @dataclass(frozen=True)
    class Rate:
        def factor(self, step):
            return 1.0

    @dataclass(frozen=True)
    class Choice:
        def sample(self, logits, before, rng):
            return logits.argmax(axis=0)

    @dataclass(frozen=True)
    class Look:
        every: int = 1

        def observe(self, seen):
            return rnnx.Findings({"look": 1.0}, {})

    @dataclass(frozen=True)
    class Fill:
        def fill(self, rng, n_out, n_in, dtype):
            return np.zeros((n_out, n_in), dtype)

    @rnnx.hookimpl
    def register_datasets(register):
        register("data", Data)

    @rnnx.hookimpl
    def register_cells(register):
        register("plain", Cell)

    @rnnx.hookimpl
    def register_initializers(register):
        register("fill", Fill)

    @rnnx.hookimpl
    def register_clippers(register):
        register("clip", Clip)

    @rnnx.hookimpl
    def register_optimizers(register):
        register("descent", Descent)

    @rnnx.hookimpl
    def register_schedules(register):
        register("rate", Rate)

    @rnnx.hookimpl
    def register_samplers(register):
        register("choice", Choice)

    @rnnx.hookimpl
    def register_probes(register):
        register("look", Look)
"""
