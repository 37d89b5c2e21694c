"""Sweeps whose space is more than every combination: run, continued and refused."""

from pathlib import Path

import pytest
from checked_sweep import checked, jobs
from single_sweep import only_sweep, results, statuses
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.config.compose import compose
from rnnx.errors import ConfigError, RnnxError
from rnnx.runs.folder import runs_in
from rnnx.sweeps.words import separate

SERIAL = "hydra/launcher=basic"


def sweep(names: Path, *more: str) -> int:
    return main([*tiny(names), "steps=1", SERIAL, *more], multirun=True)


def test_a_sample_that_is_continued_draws_the_same_jobs_and_trains_none_twice(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ("cell=lstm,gru", "when(cell=lstm, cell.forget_bias=0,1)", "seed=range(0,100)")
    assert sweep(names, *space, "sample(2, seed=1)") == 0
    first = [result.overrides for result in results()]
    assert statuses() == ["FINISHED"] * 2
    assert "sample(2, seed=1): 2 of 300 combinations" in capsys.readouterr().err
    assert sweep(names, *space, "sample(2, seed=1)") == 0
    assert statuses() == ["SKIPPED"] * 2 and [r.overrides for r in results()] == first
    assert len(list(Path("outputs/sweeps").iterdir())) == 1
    assert sweep(names, *space, "sample(3, seed=1)") == 0  # begins with the same two
    assert len(runs_in(Path("outputs"))) == 3
    names_of_runs = [run.read()["name"] for run in runs_in(Path("outputs"))]
    assert all("cell=" in name and "seed=" in name for name in names_of_runs)


def test_an_edited_file_of_values_is_a_new_sweep(
    names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("runs.csv").write_text("cell,smoothing\nlstm,0.5\n")
    assert sweep(names, "csv(runs.csv)", "sweep.replicates=2") == 0
    assert [only_sweep().name(result.overrides) for result in results()] == [
        "cell=lstm smoothing=0.5 seed=0",
        "cell=lstm smoothing=0.5 seed=1",
    ]
    Path("runs.csv").write_text("cell,smoothing\nlstm,0.5\ngru,\n")
    capsys.readouterr()
    assert sweep(names, "csv(runs.csv)", "sweep.replicates=2") == 0
    assert "a file of this command has changed" in capsys.readouterr().err
    assert len(runs_in(Path("outputs"))) == 4


def test_words_stand_beside_the_values_of_a_recipe() -> None:
    assert jobs("sweep=cells", "zip(cell=lstm,gru, layers=1,2)", "seed=3") == [
        "cell=lstm layers=1",
        "cell=gru layers=2",
    ]


def test_joined_sweeps_share_what_stands_beside_them() -> None:
    grids = ("grid(cell=lstm,gru, seed=0,1)", "grid(cell=vanilla, layers=1,2)")
    assert jobs(*grids, "steps=5") == [
        "cell=lstm seed=0",
        "cell=lstm seed=1",
        "cell=gru seed=0",
        "cell=gru seed=1",
        "cell=vanilla layers=1",
        "cell=vanilla layers=2",
    ]


def test_equal_configurations_are_one_job_however_they_are_typed() -> None:
    found = checked("layers=1,2", "zip(dropout=0.1,1e-1,0.3, input_dropout=0,0.0,0)").plan
    assert found is not None and len(found.jobs) == 4
    assert found.notes == ["2 combinations equal earlier ones and are left out"]


def test_a_job_put_together_is_the_one_that_is_composed() -> None:
    from rnnx.config.compose import composer
    from rnnx.config.overrides import Overrides, parse_job
    from rnnx.config.plain import plain
    from rnnx.sweeps.job_configs import JobConfigs

    several = [
        ["cell=gru", "cell.hidden_size=7", "cell.weights.input={name:normal,scale:0.5}"],
        ["cell=gru", "checkpoint={every:3}", "checkpoint.keep=4"],
        ["cell=lstm", "dropout=0", "dtype=float64", "probe=[gradient_norms]", "seed=3"],
        ["optimizer=sgd", "optimizer.learning_rate=1e-2", "outputs=${tracker.experiment}"],
        ["experiment=text", "dataset.path='a b.txt'", "sweep.rerun=all"],
        [],
    ]
    with composer() as make:
        made = JobConfigs(make, Overrides())
        for job in [*several, *several]:
            assert made.values(job) == plain(make(parse_job(job)))


def test_replicates_begin_at_the_seed_that_is_given() -> None:
    assert jobs("sweep.replicates=3", "seed=10") == ["seed=10", "seed=11", "seed=12"]
    assert len(jobs("cell=lstm,gru", "dropout=0,0.1", "sample(2)", "sweep.replicates=3")) == 6
    with pytest.raises(ConfigError, match=r"sweep.replicates=3: trains several seeds; add -m"):
        compose(["sweep.replicates=3"])
    with pytest.raises(ConfigError, match="add -m"):
        main(["sample(3)", "seed=0"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["cell=lstm,gru", "when(cell=ltsm, cell.forget_bias=0)"], "did you mean lstm?"),
        (["cell=lstm,gru", "cell.forget_bias=0,1"], "cell.forget_bias: there is no such key"),
        (["cell=lstm", "when(cell=lstm, cell.forgetbias=0)"], "did you mean cell.forget_bias?"),
        (["zip(cell=lstm,gur, layers=1,2)"], "cell=gur: there is no such cell"),
        (["zip(cell.hidden_size=8,-5, layers=1,2)"], "cell.hidden_size=-5: must be at least 1"),
        (["seed=range(0,1000)", "layers=range(1,1000)"], "998,001,000? jobs|999,000 jobs"),
        (["seed=0,1", "sample(1)", "shuffle()"], "a sweep is drawn once"),
        (["seed=0,1", "sweep.replicates=2"], "gives values to seed already"),
        (["seed=0,1", "sweep.replicates=0"], "sweep.replicates=0: must be at least 1"),
        (["sweep.replicates=0"], "sweep.replicates=0: must be at least 1"),
        (["seed=0", "zip(seed=1,2, layers=1,2)"], "seed: gets two values in one job, 0 and 1"),
        (["hydra/sweeper=optuna", "grid(seed=0,1)"], "hydra/sweeper=optuna makes its jobs itself"),
        (["hydra/sweeper=optuna", "layers=1,2", "sweep.replicates=2"], "makes its jobs itself"),
        (["hydra/sweeper=basic", "sample(2)", "seed=0,1"], "hydra/sweeper=basic makes its jobs"),
    ],
)
def test_a_wrong_space_starts_nothing(typed: list[str], said: str) -> None:
    with pytest.raises(RnnxError, match=said) as error:
        checked(*typed)
    assert error.value.exit_code == 2 and "\n" not in str(error.value)


def test_a_password_in_a_word_is_kept_nowhere() -> None:
    words = separate(["zip(tracker.uri=http://a/,http://me:hush@b/, seed=0,1)"]).words
    assert str(words[0][1]) == "zip(tracker.uri=http://a/,http://b/, seed=0,1)"


@pytest.mark.parametrize("text", ["seed=3", "cell.hidden_size=-12", "layers=0", "steps=1000000"])
def test_a_whole_number_is_read_as_hydra_reads_it(text: str) -> None:
    from rnnx.config.overrides import parse_job
    from rnnx.sweeps.job_configs import WHOLE_NUMBER, _whole_number

    found = WHOLE_NUMBER.fullmatch(text)
    assert found and _whole_number(found[1], found[2], text) == parse_job([text]).parsed[0]


@pytest.mark.parametrize("text", ["seed=01", "seed=-0", "seed=1_0", "seed=1.0", "a@b=1", "+a=1"])
def test_other_numbers_are_left_to_hydra(text: str) -> None:
    from rnnx.sweeps.job_configs import WHOLE_NUMBER

    assert not WHOLE_NUMBER.fullmatch(text)
