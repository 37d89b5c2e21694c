"""The checks of TrackerSuite on a tracker's own pages: where they are, and views of them."""

from __future__ import annotations

from rnnx.contracts.trackers import UI, Point, Tracker
from rnnx.contracts.views import (
    BarChart,
    ImageChart,
    LineChart,
    ParallelChart,
    RunPages,
    ScatterChart,
    Section,
    Setting,
    View,
    ViewTracker,
)
from rnnx.testing.suite import NotApplicable, expect


def check_ui(tracker: Tracker) -> None:
    """``ui`` returns an address and a command of texts, or None."""
    ui = tracker.ui("127.0.0.1", 5000)
    texts = ui is None or all(isinstance(part, str) for part in (ui.address, *ui.command))
    expect(texts, f"ui returned {ui}")


VIEW = View(
    "sweep 1",
    "a view",
    [
        Section("Losses", [LineChart("both", ["a/b", "c"], is_log=True), BarChart("last", "c")]),
        Section("Against x", [ScatterChart("c by x", "x", "c"), ParallelChart("all", ["x"], "c")]),
        Section("Images", [ImageChart("a_probe_norm", 1)]),
    ],
    tags={"tag": "two"},
    settings=[Setting("cell.name"), Setting("tag", is_tag=True)],
    metrics=["c"],
    groups=[Setting("cell.name")],
    best_first="c",
    aside=["a/b"],
)


def check_view(tracker: Tracker) -> None:
    """A tracker with ``view`` keeps any view, one without charts too, and changes no run."""
    if not isinstance(tracker, ViewTracker):
        raise NotApplicable("the tracker's pages cannot be told what to show: it has no view")
    log = tracker.start("a name", {"cell.name": "x"}, {"tag": "two"})
    log.points([Point("a/b", 1.5, 1, 1000), Point("c", -2.0, 2, 2000)])
    log.finish("FINISHED")
    run_id = log.id
    before = _told(tracker, run_id)
    for view in (VIEW, View("run 1", "", [], runs=[run_id])):
        pages = [tracker.view(view, "127.0.0.1", 5000) for _ in range(2)]
        are_pages = all(isinstance(page, UI) and isinstance(page.address, str) for page in pages)
        expect(are_pages, f"view returned {pages[0]!r}, not a UI with an address")
        first, second = (page.address for page in pages)
        expect(first == second, f"one view has two addresses: {first} and {second}")
    expect(_told(tracker, run_id) == before, "view has changed a run")


def check_run_pages(tracker: Tracker) -> None:
    """A tracker with ``run_pages`` has a page for each of its runs, one address for each."""
    if not isinstance(tracker, RunPages):
        raise NotApplicable("the tracker's UI has no page for each run: it has no run_pages")
    ids = []
    for _ in range(2):
        log = tracker.start("a name", {}, {})
        log.finish("FINISHED")
        ids.append(log.id)
    pages = dict(tracker.run_pages([*ids, "no-such-run", "x" * 32], "127.0.0.1", 5000))
    expect(set(pages) == set(ids), f"run_pages has pages of {sorted(pages)}, not of {sorted(ids)}")
    are_texts = all(isinstance(page, str) and "://" in page for page in pages.values())
    expect(are_texts, f"run_pages returned {pages}: each page is an address")
    expect(len(set(pages.values())) == 2, f"run_pages: two runs have the page {pages[ids[0]]}")


def _told(tracker: Tracker, run_id: str) -> list[tuple[str, str, dict[str, str]]]:
    """What a tracker finds of a run, without the values, one of which is NaN."""
    return [(run.status, run.name, dict(run.tags)) for run in tracker.find(run_id)]
