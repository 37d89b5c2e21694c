"""What a tracker's page is asked to show: charts of runs, with some of their settings beside them.

A view says nothing of how a page is made. A tracker draws what it can and leaves out the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from rnnx.contracts.trackers import UI, Tracker


class LineChart(NamedTuple):
    """Metrics by step: a line for each metric of each run."""

    title: str
    metrics: Sequence[str]
    is_log: bool = False  # on a logarithmic axis, which need not begin at 0


class BarChart(NamedTuple):
    """The last value of a metric: a bar for each run."""

    title: str
    metric: str


class ScatterChart(NamedTuple):
    """The last value of a metric against a parameter that is a number: a point for each run."""

    title: str
    param: str
    metric: str


class ParallelChart(NamedTuple):
    """An axis for each parameter and one for the last value of a metric: a line for each run."""

    title: str
    params: Sequence[str]
    metric: str


class ImageChart(NamedTuple):
    """An image of each run, ``RunLog.image``'s ``name``, that of ``step`` at first."""

    name: str
    step: int


Chart: TypeAlias = LineChart | BarChart | ScatterChart | ParallelChart | ImageChart


class Section(NamedTuple):
    """Charts below one heading."""

    title: str
    charts: Sequence[Chart]


class Setting(NamedTuple):
    """Something in which runs differ: a parameter, or a tag."""

    key: str  # "cell.name"
    is_tag: bool = False


class View(NamedTuple):
    """What a page shows: which runs, in which order, which of their settings, which charts."""

    key: str  # what the page is of; a view takes the place of an earlier one with this key
    name: str  # for a list of views; "": it stands in no list
    sections: Sequence[Section]
    tags: Mapping[str, str] = {}  # which the runs have; empty: all runs of the experiment
    runs: Sequence[str] = ()  # the ids of the only runs to show; empty: all that have the tags
    settings: Sequence[Setting] = ()  # columns of the table of runs
    metrics: Sequence[str] = ()  # likewise; their last values
    groups: Sequence[Setting] = ()  # runs that share these are one line with a band, and one bar
    best_first: str = ""  # a metric of which the lowest comes first; "": the newest run does
    aside: Sequence[str] = ()  # other metrics of the runs; a page may fold their charts away
    highest_first: bool = False  # of ``best_first`` the highest comes first, not the lowest


@runtime_checkable
class ViewTracker(Tracker, Protocol):
    """A tracker whose pages can be told what to show: optional."""

    def view(self, view: View, host: str, port: int) -> UI:
        """As ``ui``, with the address of a page that shows ``view``.

        The store keeps the view, so the address may be given to others. One that a user has changed
        since stays as it is. Where the tracker cannot make such a page, its address is the next
        best. Raises :class:`rnnx.errors.StoreError` where the store gives no answer.
        """


@runtime_checkable
class RunPages(Tracker, Protocol):
    """A tracker whose UI has a page for each run: optional."""

    def run_pages(self, run_ids: Sequence[str], host: str, port: int) -> Mapping[str, str]:
        """The addresses of the pages of these runs, by the tracker's ids; writes nothing.

        They are there while the command of ``ui`` serves them at ``host`` and ``port``, or always
        where it has none. A run that the store does not have has no page. A server that the user
        did not name in the command or the environment may be left alone. Raises
        :class:`rnnx.errors.StoreError` where the store gives no answer.
        """
