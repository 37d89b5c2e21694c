"""Learning-rate schedules."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_schedules(register: Register) -> None:
    register("constant", "rnnx_builtin.schedules.constant:Constant")
    register("inverse_time", "rnnx_builtin.schedules.inverse_time:InverseTime")
    register("step", "rnnx_builtin.schedules.step:Step")
    register("exponential", "rnnx_builtin.schedules.exponential:Exponential")
    register("cosine", "rnnx_builtin.schedules.cosine:Cosine")
    register("one_cycle", "rnnx_builtin.schedules.one_cycle:OneCycle")
    register("plateau", "rnnx_builtin.schedules.plateau:Plateau")
