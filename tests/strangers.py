"""A plugin that works, for tests that break it."""

GOOD = """
    from dataclasses import dataclass
    import rnnx

    @rnnx.unroll
    @dataclass(frozen=True)
    class Mgu:
        hidden_size: int = 4

        def init(self, rng, n_x, dtype):
            return {}

        def step(self, params, x, state):
            return state, None

        def step_back(self, params, cache, dstate):
            return {}, None, dstate

    @rnnx.hookimpl
    def register_cells(register):
        register("mgu", Mgu)
"""
