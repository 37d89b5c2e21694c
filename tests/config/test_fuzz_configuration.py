"""1,000 overrides that nobody would type: a run, or one of rnnx's own errors."""

# ruff: noqa: E501

import functools
import random
from pathlib import Path

import pytest
from tiny import tiny

from rnnx.config.compose import compose
from rnnx.config.identity import flat_params
from rnnx.config.settings import Train
from rnnx.contracts.components import KINDS
from rnnx.errors import RnnxError
from rnnx.registry.schema import fields_of
from rnnx.training.session import Session

PLAIN = ["0", "1", "2", "3", "0.1", "0.5", "0.9", "true", "false", "lstm", "gru", "none", "adam"]
VALUES = [
    *("", "null", "true", "0", "1", "-1", "3", "0.5", "-0.0", "1e-400", "1e400", "nan", "inf"),
    *("-inf", "1_000", "0x10", "9" * 30, "9" * 5000, "1e308", "abc", "lstm", "None", "~", "???"),
    *("'quoted'", '"quoted"', "'open", '"open', "a b", " ", "\\", "\\\\", "\\,", "a\\nb", "a\nb"),
    *("\t", "\r", "\x00", "a\x00b", "\x1b[31m", "\x7f", "\u202e", "é", "日本語", "🦕", "\udc80"),
    *("\ud800", "a\udcffb", "x" * 300, "x" * 5000, "a/" * 2000, "../..", "/etc/passwd", "~nobody"),
    *(
        "[]",
        "{}",
        "[1,2]",
        "[[1]]",
        "{a:1}",
        "{a:{b:[1,{c:2}]}}",
        "[" * 200,
        "{a:" * 50,
        "[1,2",
        "]",
    ),
    *("1,2", "a,b", "range(3)", "range(1,3)", "choice(1,2)", "interval(0,1)", "glob(*)", "glob(["),
    *(
        "shuffle(1,2)",
        "sort(2,1)",
        "tag(a,interval(0,1))",
        "int(3)",
        "float(x)",
        "str(1)",
        "bool(2)",
    ),
    *("json_str({a:1})", "extend_list(1)", "nope(1)", "choice()", "range(0)", "glob(nothing*)"),
    *(
        "${seed}",
        "${nobody}",
        "${oc.env:HOME}",
        "${oc.env:NOBODYS}",
        "${oc.eval:1}",
        "${",
        "$}",
        "${}",
    ),
    *(
        "${${seed}}",
        "${now:%Y}",
        "${hydra:job.name}",
        "${oc.decode:1}",
        "${oc.create:{a:1}}",
        "\\${a}",
    ),
    *(
        "{_target_:os.system}",
        "{name:lstm}",
        "{name:lstm,_target_:os.system}",
        "{name:[1]}",
        "[lstm]",
    ),
    *(
        "=",
        "==",
        "=1",
        "a=b",
        ":",
        "@",
        "+",
        "%",
        "#",
        "a#b",
        "!!python/name:os.system",
        "&a",
        "*a",
    ),
]
GRAMMAR = [
    *("seed", "=1", "", " ", "==", "seed==1", "seed =1", "seed= 1", "~seed", "~seed=0", "~cell", "+x=1"),
    *("++seed=1", "++x=1", "+cell=gru", "++cell=gru", "~x", "cell@x=gru", "cell@_global_=gru", "@=1"),
    *("cell@=gru", "cell@head=gru", "cell@a:b=gru", "+cell@other=lstm", "seed:a=1", "cell:x=gru", ".=1"),
    *(".seed=1", "seed.=1", "cell..x=1", "cell[hidden_size]=3", "cell.[x]=1", "[a]=1", "a[0]=1", "0=1"),
    *("cell/x=1", "/cell=gru", "cell/=gru", "experiment=nobodys", "experiment=[]", "experiment=null"),
    *("experiment=../train", "experiment=/etc/passwd", "cell=../../x", "cell=", "cell=null", "cell=[gru]"),
    *("cell=gru,lstm", "probe=gradient_norms", "probe=[]", "probe=[gradient_norms,gradient_norms]"),
    *("probe=[nobodys]", "probe=null", "probes=null", "probes=[]", "probes={}", "probes.x=1", "schema=x"),
    *("probes={x:1}", "probes={gradient_norms:{every:3}}", "schema/train=null", "schema=null", "name=x"),
    *("cell.name=gru", "head.name=null", "cell.weights=null", "cell.weights=1", "cell.weights.input=1"),
    *("cell.weights.input=[1]", "cell.weights.input={name:normal,scale:x}", "cell.weights.bias={}"),
    *("cell.weights.input={name:normal,scale:1e400}", "cell.weights.recurrent=", "cell.weights.x=1"),
    *("checkpoint=null", "checkpoint=1", "checkpoint={}", "checkpoint.every=null", "checkpoint.keep=0"),
    *("layers=100000000", "cell.hidden_size=1000000000000", "batch_size=100000000", "sample_length=10000000"),
    *("threads=100000", "steps=1e3", "dtype=float16", "dtype=[]", "resume=maybe", "seed=1.0", "seed=١"),
    *("-m", "--multirun", "-h", "a" * 3000 + "=1", "a." * 400 + "b=1", "\x00=1", "\udc80=1", "é=1"),
    *("hydra=1", "hydra.x=1", "+hydra.x=1", "hydra.run=1", "hydra.run.dir=null", "hydra.run.dir='\x00'"),
    *("hydra/launcher=nobodys", "hydra/launcher=null", "hydra/nobodys=1", "hydra.searchpath=1", "hydra="),
    *("hydra.searchpath=[file://nowhere]", "hydra.searchpath=[pkg://nowhere]", "hydra.searchpath=[x]"),
    *("hydra.mode=MULTIRUN", "hydra.mode=x", "hydra.job.name=null", "hydra.verbose=[1]", "~hydra"),
    *("hydra.callbacks.x._target_=os.getcwd", "hydra.launcher._target_=os.getcwd", "~hydra/launcher"),
]  # fmt: skip


@functools.cache
def keys() -> list[str]:
    """Every key of a configuration, groups and fields."""
    return [*KINDS, *fields_of(Train), *flat_params(compose([])), "clipper.limit", "dataset.length"]


def random_overrides(seed: int) -> list[str]:
    """One to three overrides, each drawn from the lists above."""
    rng, known = random.Random(seed), keys()
    chosen = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if rng.random() < 0.25:
            chosen.append(rng.choice(GRAMMAR))
        else:
            sign = rng.choice([*[""] * 12, "+", "++", "~"])
            value = rng.choice(PLAIN if rng.random() < 0.4 else VALUES)
            chosen.append(f"{sign}{rng.choice(known)}={value}")
    return chosen


def session_or_error(overrides: list[str]) -> str:
    """What became of it; an error that is not rnnx's own fails the test."""
    try:
        compose(overrides)
        Session(compose(overrides)).step()
    except RnnxError as error:
        assert str(error).strip()
        return "refused"
    return "ran"


@pytest.mark.parametrize("override", GRAMMAR, ids=lambda text: ascii(text)[:40])
def test_odd_grammar(override: str, names: Path) -> None:
    session_or_error([*tiny(names, "batch_size=2"), override])


# A hundred in `make test`, all thousand with the slow tests.
PARTS = [*range(2), *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 20))]


@pytest.mark.parametrize("seed", PARTS)
def test_random_overrides(seed: int, names: Path) -> None:
    for i in range(50):
        session_or_error([*tiny(names, "batch_size=2"), *random_overrides(50 * seed + i)])
