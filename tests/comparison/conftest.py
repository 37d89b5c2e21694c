"""A sweep of tiny runs, and runs that exist in memory alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny import tiny

from rnnx.comparison.runs import ComparedRun
from rnnx.config.compose import compose
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.job import run_job


@pytest.fixture(scope="package")
def made(
    tmp_path_factory: pytest.TempPathFactory, make_cache: Callable[[Path], Path]
) -> Iterator[Sweep]:
    """Two cells with two seeds each, and a job that fails before it has a run."""
    home = tmp_path_factory.mktemp("sweep")
    names = home / "names.txt"
    names.write_text("".join(f"{a}{b}us\n" for a in "abcdef" for b in "aeiou"), "utf-8")
    swept = ["cell=vanilla,gru", "seed=0,1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("RNNX_CACHE", str(make_cache(home)))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        sweep = Sweep.open("outputs", tiny(names, *swept), ["cell", "seed"], anew=False)
        sweep.write({"parent": "none"})
        jobs = [[f"cell={cell}", f"seed={seed}"] for cell in ("vanilla", "gru") for seed in (0, 1)]
        for number, own in enumerate(jobs):
            job = tiny(names, *own)
            assert run_job(compose(job), job, number, sweep) == 0
        gone = tiny(home / "gone.txt", "cell=gru", "seed=7")
        assert run_job(compose(gone), gone, len(jobs), sweep) == 1
        yield Sweep(sweep.path.resolve())


@pytest.fixture
def sweep(made: Sweep, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """The sweep, with its folder's home as the working folder."""
    monkeypatch.chdir(made.path.parents[2])
    return made


@pytest.fixture
def run() -> Callable[..., ComparedRun]:
    """Makes a run of its overrides and its best held-out loss."""

    def make(name: str, loss: float, group: str = "g") -> ComparedRun:
        settings = dict(word.partition("=")[::2] for word in name.split() if "=" in word)
        metrics = {"best/val_loss": loss}
        return ComparedRun(name, "FINISHED", name, "", settings, metrics, group, None)

    return make
