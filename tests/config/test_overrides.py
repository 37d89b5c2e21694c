"""Overrides as a user types them: parsed once, they travel parsed."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnnx.config.compose import compose, resolve
from rnnx.config.interpolations import letters, literal
from rnnx.config.overrides import Overrides, parse, parse_job, shown, spelled, values_of
from rnnx.config.spelling import quoted
from rnnx.errors import ConfigError

TYPED = """
1.10  2026_11_29  2026-11-29  12:30  true  False  on  1e3  .5  0x10  007  1_000  nan
-inf  null  None  ~  ~/x  ?  a?b=c  #x  a#b  %20  a%20b  it's  "  '  a'b"c  [  ]  [a]
a[1].txt  {  {a:1}  (1)  f(x)  range(1,3)  choice(a,b)  str(5)  glob(*)  $x  $(x)  a$
a,b  ,  a;b  a:b  a=b  =  @x  a b  \\  a\\b  a\\,b  a\\ b  &  !  *  |  <b>  [red]x[/]
x[/old].txt  恐龙  é  e\u0301  שלום  🦕  \u202e  \x1b[31m  =1+1  -1  +1
"""
TEXTS = [*TYPED.replace("\n", "  ").split("  "), " ", " x ", "\t", "a\nb"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_what_was_typed(text: str) -> None:
    key = "tracker.experiment"
    (override,) = parse([f"{key}={text}"])
    assert override.value() == text
    assert shown(str(override.input_line)) == f"{key}={text}"
    (job,) = parse_job(spelled([f"{key}={text}"]))
    assert job.value() == text


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\\\\${}'\",[]()=: a1é\n")


@settings(max_examples=60)
@given(texts)
def test_any_text_is_what_was_typed(text: str) -> None:
    assume(not text.strip().startswith(("'", '"')))
    (override,) = parse([f"tracker.experiment={text}"])
    assert letters(override.value()) == text
    assert shown(str(override.input_line)) == f"tracker.experiment={text}"


@settings(max_examples=30)
@given(st.lists(texts.filter(bool), min_size=2, max_size=3))
def test_any_texts_in_quotes_are_values_of_a_sweep(several: list[str]) -> None:
    values = ",".join(quoted(literal(text)) for text in several)
    (override,) = parse([f"tracker.experiment={values}"], several=True)
    jobs = [f"tracker.experiment={value}" for value in values_of(override)]
    assert [letters(job.value()) for job in parse_job(jobs)] == several


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("1.10,1e3,true,null", ["1.10", "1e3", "true", "null"]),
        ("恐.txt, 龙.txt", ["恐.txt", "龙.txt"]),
        ("it's,b", ["it's", "b"]),
        ("'a,b',c", ["a,b", "c"]),
        ("a\\,b,c", ["a,b", "c"]),
        ("x[1,2].txt,{y,z},f(1,2)", ["x[1,2].txt", "{y,z}", "f(1,2)"]),
        ("x[1,y", ["x[1", "y"]),
        ("${oc.env:A,b},c", ["${oc.env:A,b}", "c"]),
        ("choice(1.10,b)", ["1.10", "b"]),
        ("sort(b,1.10)", ["1.10", "b"]),
        ("range(1,3)", ["1", "2"]),
        ("a\\,1\\", ["a,1\\"]),
        ("1.10", ["1.10"]),
    ],
)
def test_a_sweep_has_texts_between_its_commas(typed: str, values: list[str]) -> None:
    (override,) = parse([f"dataset.path={typed}"], several=True)
    if len(values) == 1:
        assert override.value() == values[0]
    else:
        jobs = parse_job([f"dataset.path={value}" for value in values_of(override)])
        assert [str(job.value()) for job in jobs] == values


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("dataset.path='a,b.txt'", "a,b.txt"),
        ('dataset.path="1"', "1"),
        ("tracker.experiment='it\\'s'", "it's"),
        ("experiment=1.10", "1.10"),
        ("experiment=true", "true"),
        ("experiment=null", None),
        ("sweep=恐龙", "恐龙"),
        ("cell=007", "007"),
        ("probe=[a,b]", ["a", "b"]),
        ("probe=[]", []),
    ],
)
def test_quotes_are_taken_away_and_names_are_texts(typed: str, value: object) -> None:
    (override,) = parse([typed])
    assert override.value() == value


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("steps=3", "steps=3"),
        ("dataset.path=names.txt", "dataset.path=names.txt"),
        ("dataset.path=恐龙.txt", "dataset.path='恐龙.txt'"),
        ("dataset.path=it's", "dataset.path='it\\'s'"),
        ("dataset.path='恐龙.txt'", "dataset.path='恐龙.txt'"),
        ("x=[1", "x='[1'"),
        ("seed=0,1", "seed=0,1"),
        ("steps", "steps"),
        ("x=", "x="),
    ],
)
def test_quotes_stand_where_hydra_s_grammar_needs_them(typed: str, read: str) -> None:
    assert spelled([typed, "seed=1"]) == [read, "seed=1"]


def test_keys_and_values_are_read_in_order() -> None:
    found = list(parse(["cell=gru", "dataset.path=a=b.txt", "seed=0,1", "hydra/launcher=basic"]))
    keys = [override.key_or_group for override in found]
    assert keys == ["cell", "dataset.path", "seed", "hydra/launcher"]
    assert [override.is_sweep_override() for override in found] == [False, False, True, False]
    assert found[1].value() == "a=b.txt"


@pytest.mark.parametrize("typed", ["+x=1", "++x=1", "~x", "~cell", "+cell=gru"])
def test_keys_are_neither_added_nor_deleted(typed: str) -> None:
    with pytest.raises(ConfigError, match="keys cannot be added or deleted"):
        parse(["steps=1", typed])


@pytest.mark.parametrize("typed", ["+hydra.launcher.x=1", "++hydra.x=1", "~hydra.x"])
def test_hydra_s_own_keys_may_be(typed: str) -> None:
    (override,) = parse([typed])
    assert override.key_or_group.startswith("hydra")


@pytest.mark.parametrize("typed", ["steps", "=3", "", "a=[1,2", "恐龙", "x=" + "1" * 5000])
def test_what_is_no_override_is_one_line(typed: str) -> None:
    with pytest.raises(ConfigError, match=r"is not of the form key=value") as error:
        parse([typed])
    assert "\n" not in str(error.value)


def test_what_is_parsed_stays_as_it_is() -> None:
    parsed = parse(["cell=gru", "seed=1,2", "dataset.path=恐龙.txt"])
    assert parse(parsed) is parsed
    assert parsed.keys == {"cell", "seed", "dataset.path"}
    assert parsed.texts == ["cell=gru", "seed=1,2", "dataset.path='恐龙.txt'"]
    assert parsed.single.texts == ["cell=gru", "dataset.path='恐龙.txt'"]
    assert parsed.swept.texts == ["seed=1,2"]
    assert parsed.single + parsed.swept == Overrides((*parsed.single, *parsed.swept))


def test_one_run_has_one_value_a_key() -> None:
    with pytest.raises(ConfigError, match="seed=1,2: has several values; add -m"):
        resolve(["cell=gru", "seed=1,2"])


def test_what_cannot_be_parsed_is_quoted_or_left() -> None:
    assert spelled(["a=b=c", "+x=1", "seed=恐,1", "foo"]) == ["a='b=c'", "+x=1", "seed=恐,1", "foo"]
    with pytest.raises(ConfigError, match="'seed=恐,1': is not of the form key=value"):
        parse(["cell=gru", "seed=恐,1"])


def test_a_resolved_configuration_has_its_settings_and_components() -> None:
    parsed = parse(["cell=gru", "cell.hidden_size=7", "steps=3", "probe=gradient_norms"])
    resolved = resolve(parsed)
    assert resolved.values == compose(parsed)
    assert resolved.settings.steps == 3
    assert resolved.components.cell.hidden_size == 7
    assert set(resolved.components.probes) == {"gradient_norms"}
