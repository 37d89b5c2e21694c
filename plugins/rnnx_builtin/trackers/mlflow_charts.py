"""A view as the state of MLflow's runs page: a function for each chart and section.

The state has the fields that the page keeps when a user saves a view by hand. They are MLflow's
own affair and stand in no documentation: they were read from its pages, and a test opens a view in
a browser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

from rnnx.contracts import (
    BarChart,
    Chart,
    ImageChart,
    LineChart,
    ParallelChart,
    ScatterChart,
    Section,
    Setting,
    View,
)

State: TypeAlias = dict[str, Any]

RUNS, SCATTERED_RUNS = 20, 100  # that a chart has at most
PARENTLESS = "params.`seed` LIKE '%'"  # every run has a seed, and no run that stands for a sweep
TABLE_ATTRIBUTES = ("Dataset",)
# MLflow puts the metrics that no chart names in sections, by what is before the last / of the name.
OTHER_SECTIONS = {"": "Model metrics", "system": "System metrics"}


def page_state(view: View) -> State:
    """The state of a page that shows the view."""
    charts: list[State] = []
    sections: list[State] = []
    for number, section in enumerate(view.sections, 1):
        # MLflow shows no images of groups.
        is_hidden = bool(view.groups) and isinstance(section.charts[0], ImageChart)
        title = section.title + (" (turn grouping off to see them)" if is_hidden else "")
        sections.append(_section(f"s{number}", title, is_open=not is_hidden))
        charts += _charts(section, f"s{number}")
    drawn = {chart.get("metricKey") for chart in charts}
    others = {key.rpartition("/")[0] for key in view.aside if key not in drawn}
    for name in (OTHER_SECTIONS.get(other, other) for other in sorted(others)):
        sections.append(_section(f"m-{name}", name, is_open=False, is_generated=True))
    return {
        **_filter_state(view),
        **_table_state(view),
        "compareRunCharts": charts,
        "compareRunSections": sections,
        "isAccordionReordered": True,  # keeps the order of the sections
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": _group_by(view.groups),
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
        "chartsSearchFilter": "",
    }


def runs_filter(view: View) -> str:
    """The filter of the runs that the view shows, as MLflow's search takes it."""
    if view.runs:
        return f"attributes.run_id IN ({', '.join(map(_text, view.runs))})"
    tags = [f"tags.`{key}` = {_text(value)}" for key, value in view.tags.items()]
    return " AND ".join([*tags, PARENTLESS])


def _text(value: str) -> str:
    quote = '"' if "'" in value else "'"
    return f"{quote}{value}{quote}"


def _filter_state(view: View) -> State:
    # Sorted by attributes.start_time, runs would come with those of the sweeps that they belong to,
    # whatever the filter; the other name of the same attribute brings them alone.
    order = f"metrics.`{view.best_first}`" if view.best_first else "attributes.`Created`"
    return {
        "searchFilter": runs_filter(view),
        "orderByKey": order,
        "orderByAsc": bool(view.best_first) and not view.highest_first,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
    }


def _table_state(view: View) -> State:
    columns = [_column(setting) for setting in view.settings]
    columns += [f"metrics.`{key}`" for key in view.metrics]
    columns += [f"attributes.`{name}`" for name in TABLE_ATTRIBUTES]
    return {
        "selectedColumns": columns,
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": f"FIRST_{RUNS}_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
    }


def _column(setting: Setting) -> str:
    return f"{'tags' if setting.is_tag else 'params'}.`{setting.key}`"


def _group_by(groups: Sequence[Setting]) -> State | None:
    if not groups:
        return None
    keys = [{"mode": "tag" if g.is_tag else "param", "groupByData": g.key} for g in groups]
    return {"aggregateFunction": "average", "groupByKeys": keys}


def _section(uuid: str, name: str, is_open: bool, is_generated: bool = False) -> State:
    """A heading; ``is_generated``: MLflow's own, for the charts that no view names."""
    return {
        "uuid": uuid,
        "name": name,
        "display": is_open,
        "isReordered": not is_generated,
        "deleted": False,
        "isGenerated": is_generated,
    }


def _charts(section: Section, uuid: str) -> list[State]:
    return [
        {
            "uuid": hashlib.sha256(f"{uuid} {chart}".encode()).hexdigest()[:8],
            "metricSectionId": uuid,
            "runsCountToCompare": RUNS,
            "deleted": False,
            "isGenerated": False,
            **_chart(chart),
        }
        for chart in section.charts
    ]


def _chart(chart: Chart) -> State:
    match chart:
        case LineChart():
            return _line(chart)
        case BarChart():
            return {"type": "BAR", "displayName": chart.title, "metricKey": chart.metric}
        case ScatterChart():
            return _scatter(chart)
        case ParallelChart():
            return _parallel(chart)
        case ImageChart():
            return _image(chart)


def _line(chart: LineChart) -> State:
    return {
        "type": "LINE",
        "displayName": chart.title,
        "metricKey": chart.metrics[0],
        "selectedMetricKeys": list(chart.metrics),
        "lineSmoothness": 0,
        "scaleType": "log" if chart.is_log else "linear",
        "xAxisScaleType": "linear",
        "range": {},  # all that there is; a null is an end of a range to MLflow 3.10
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _scatter(chart: ScatterChart) -> State:
    return {
        "type": "SCATTER",
        "displayName": chart.title,
        "runsCountToCompare": SCATTERED_RUNS,
        "xaxis": {"key": chart.param, "type": "PARAM"},
        "yaxis": {"key": chart.metric, "type": "METRIC"},
    }


def _parallel(chart: ParallelChart) -> State:
    return {
        "type": "PARALLEL",
        "displayName": chart.title,
        "selectedParams": list(chart.params),
        "selectedMetrics": [chart.metric],
        "showAllRuns": False,
    }


def _image(chart: ImageChart) -> State:
    return {
        "type": "IMAGE",
        "displayName": chart.name,
        "imageKeys": [chart.name],
        "step": chart.step,
        "showRunParams": False,
    }
