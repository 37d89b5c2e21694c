"""Learning-rate schedules."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.schedules.constant import Constant
from rnnx_builtin.schedules.cosine import Cosine
from rnnx_builtin.schedules.exponential import Exponential
from rnnx_builtin.schedules.inverse_time import InverseTime
from rnnx_builtin.schedules.one_cycle import OneCycle
from rnnx_builtin.schedules.plateau import Plateau
from rnnx_builtin.schedules.step import Step


@hookimpl
def register_schedules(register: Register) -> None:
    register("constant", Constant)
    register("inverse_time", InverseTime)
    register("step", Step)
    register("exponential", Exponential)
    register("cosine", Cosine)
    register("one_cycle", OneCycle)
    register("plateau", Plateau)
