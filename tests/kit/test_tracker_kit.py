"""Trackers that lose something on the way: a named check fails on each."""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.contracts.trackers import UI
from rnnx.errors import RnnxError
from rnnx.testing import trackers
from rnnx_builtin.trackers.mlflow_store import MLflow


def with_changed_log(right: MLflow, change: Callable[[Any], None]) -> Any:
    """The tracker, whose runs ``change`` changes when they start."""

    def start(inner, name, params, tags):
        log = inner(name, params, tags)
        change(log)
        return log

    return mutant(right, start=start)


def test_a_tracker_that_loses_something_fails_a_named_check(default_store: str) -> None:
    right = MLflow(default_store, "lossy")

    with_log = partial(with_changed_log, right)

    def single_precision(log):
        points = log.points
        log.points = lambda found: points(
            [point._replace(value=float(np.float32(point.value))) for point in found]
        )

    def drops_infinity(log):
        points = log.points
        log.points = lambda found: points([p for p in found if not math.isinf(p.value)])

    def one_set_of_tags(log):
        tags = log.tags
        log.tags = lambda found: tags({"again": next(iter(found.values()))})

    def in_ascii(inner, name, params, tags):
        return inner(name.encode("ascii", "replace").decode(), params, tags)

    def refuses_params_again(log):
        def refuse(params):
            raise ValueError("the run has parameters")

        log.params = refuse

    def keeps_the_first_file(log):
        file, known = log.file, set()

        def once(path, folder=""):
            if path.name not in known:
                file(path, folder)
            known.add(path.name)

        log.file = once

    def anywhere(inner, prefix):
        return [run for run in right.runs(100) if prefix in run.id]

    def nothing_unknown(inner, run_id, path, into):
        try:
            return inner(run_id, path, into)
        except RnnxError:
            return into / path

    opened: list[Any] = []

    def one_open_run(inner, name, params, tags):
        log = inner(name, params, tags)
        opened[:] = [log.points]
        log.points = lambda points: [points_of(points) for points_of in opened]
        return log

    def reseeds(inner, name, params, tags):
        np.random.seed(0)
        return inner(name, params, tags)

    pages = itertools.count()

    def a_page_each_time(inner, view, host, port):
        return inner(view, host, port)._replace(address=f"http://x/{next(pages)}")

    def writes_to_a_run(inner, view, host, port):
        right.reopen(right.runs(1)[0].id)
        return inner(view, host, port)

    def a_page_of_any_run(inner, run_ids, host, port):
        return {run_id: f"http://x/{run_id}" for run_id in run_ids}

    def one_page(inner, run_ids, host, port):
        return dict.fromkeys(inner(run_ids, host, port), "http://x/")

    with pytest.raises(ValueError, match="the run has parameters"):
        trackers.check_texts(with_log(refuses_params_again))
    assert_all_caught(
        trackers,
        {
            "check_values": [with_log(single_precision), with_log(drops_infinity)],
            "check_texts": [
                with_log(one_set_of_tags),
                mutant(right, start=in_ascii),
            ],
            "check_unknown": [
                mutant(right, find=anywhere),
                mutant(right, fetch=nothing_unknown),
            ],
            "check_two_runs": [with_log(keeps_the_first_file), mutant(right, start=one_open_run)],
            "check_ui": [
                mutant(right, ui=lambda inner, host, port: UI("http://x", [host, port], {}))
            ],
            "check_view": [
                mutant(right, view=a_page_each_time),
                mutant(right, view=writes_to_a_run),
                mutant(right, view=lambda inner, view, host, port: "http://x"),
            ],
            "check_run_pages": [
                mutant(right, run_pages=a_page_of_any_run),
                mutant(right, run_pages=one_page),
                mutant(right, run_pages=lambda inner, run_ids, host, port: {}),
            ],
            "check_process": [mutant(right, start=reseeds)],
        },
    )
