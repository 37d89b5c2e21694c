"""The page of a comparison: all that it needs is inside, and nothing from data becomes markup."""

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest

from rnnx.comparison.compare import Comparison, compare_sweep, rank_runs
from rnnx.comparison.figures import draw_figures
from rnnx.comparison.page import (
    render,
    send_sweep_page,
    write_page,
    write_sweep_page,
)
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.texts import LONGEST
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import Sweep

PNG = b"\x89PNG\r\n"
# The tags and attributes of the template.
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "section"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td", "figure", "img", "figcaption", "pre", "a"}
TAGS |= {"h4", "span", "ins", "del"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "id", "src", "alt"}
ATTRIBUTES |= {"tabindex", "href", "title"}


class Reader(HTMLParser):
    """The tags, attributes and texts of a page, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_has_everything_inside(sweep: Sweep) -> None:
    page, *figures = write_page(compare_sweep(sweep), sweep.path / "comparison.html")
    assert [path.name for path in figures] == [
        f"comparison_{name}.png" for name in ("curves", "seeds", "finals", "parallel")
    ]
    assert all(path.read_bytes().startswith(PNG) for path in figures)
    text = page.read_text("utf-8")
    reader = Reader(text)
    addresses = [value or "" for key, value in reader.attributes if key == "src"]
    assert len(addresses) == reader.tags.count("img") == 4
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not {"script", "link", "iframe"} & {*reader.tags}
    assert "http" not in re.sub("http-equiv", "", text)
    found = compare_sweep(sweep)
    for run in found.with_value():
        assert f"<section><h4>{run.name}</h4>" in text
    assert f"{found.runs[0].name}: its samples by step" in text
    assert re.search(r'<span class="s[1-4]">\w+</span>', text)  # coloured by surprise
    assert re.search(r"\d\.\d\d nats · \d+% copied: \w+", text)
    assert "gone.txt" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("</pre></td></title><script>", "</pre></td></title><script>"),
        ("\"onerror='alert(1)'<img src=x onerror=y>", "\"onerror='alert(1)'<img src=x onerror=y>"),
        ("&lt;b&gt;&amp; & &#60;i>", "&lt;b&gt;&amp; & &#60;i>"),
        ("<scr\0ipt>\0", "<scr\ufffdipt>\ufffd"),
        ("\x1b[31m\x7f\x9b", "\ufffd[31m\ufffd\ufffd"),
        ("{{ 7 * 7 }}{% raw %}{# no #}", "{{ 7 * 7 }}{% raw %}{# no #}"),
        ("$x_{ _y", "$x_{ _y"),
    ],
)
def test_nothing_from_data_becomes_markup(
    text: str, shown: str, tmp_path: Path, run: Callable[..., ComparedRun]
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    with folder.samples.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows(
            [("step", "final", "text"), (1, "false", "old"), (1, "true", text)]
        )
    points = [["val/loss", 3.0 - step, step, 0] for step in (1, 2)]
    folder.metrics.write_text("".join(json.dumps(p) + "\n" for p in points), "utf-8")
    odd = run(f"cell={text}", 1.0)._replace(folder=folder, reason=text, status=text)
    both = [
        odd._replace(settings={text: value, "seed": value}, run_id=value, metrics={text: loss})
        for value, loss in ((text, 1.0), ("_b", 2.0))
    ]
    found = rank_runs(both, text, text)
    figures = draw_figures(found)
    assert set(figures) == {"curves", "seeds", "parallel"}
    page = render(found, figures, tmp_path)
    reader = Reader(page)
    assert {*reader.tags} == TAGS
    assert {key for key, _ in reader.attributes} == ATTRIBUTES
    texts = "\n".join(reader.texts)
    assert reader.texts.count(shown) >= 4  # title, heading, both reasons
    assert f"Runs by {shown}" in texts
    assert f"cell={shown}: its samples by step" in texts
    captions = [value for key, value in reader.attributes if key == "alt"]
    assert f"From the swept keys to {shown}; a line a run, the darkest the best" in captions
    assert "val/loss of every run, a colour a configuration" in captions
    assert not re.search("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f]", page)


@pytest.mark.parametrize("name", ["run", "a b", "javascript:x", "%2e%2e", "#a?b&c", '"><b>', "é"])
def test_a_run_is_linked_by_a_path_from_the_page(
    name: str, tmp_path: Path, run: Callable[..., ComparedRun]
) -> None:
    folder, page = tmp_path / "outputs" / name, tmp_path / "pages" / "a.html"
    for path in (folder, page.parent):
        path.mkdir(parents=True)
    gone = run("seed=1", 2.0)._replace(folder=RunFolder(tmp_path / "gone"))
    found = rank_runs(
        [run("seed=0", 1.0)._replace(folder=RunFolder(folder)), gone], "t", "best/val_loss"
    )
    write_page(found, page)
    (address,) = [v for key, v in Reader(page.read_text("utf-8")).attributes if key == "href"]
    assert address is not None and address.startswith("../outputs/")
    there = unquote(urljoin(page.as_uri(), address).removeprefix("file://"))
    assert Path(there) == folder


def test_runs_on_two_data_have_tables_and_figures_of_their_own(
    tmp_path: Path, run: Callable[..., ComparedRun]
) -> None:
    runs = [
        run(f"cell={cell} seed={seed}", 1.0 + seed, f"{cell}{data}")._replace(
            made_of={"seed": seed, "split_sha256": data * 64}
        )
        for data in "ab"
        for cell in ("gru", "lstm")
        for seed in (0, 1)
    ]
    (tmp_path / "p_finals.png").write_bytes(PNG)  # of an earlier comparison of one data
    (tmp_path / "p_mine.png").write_bytes(PNG)
    page, *figures = write_page(rank_runs(runs, "t", "best/val_loss"), tmp_path / "p.html")
    names = ["p_finals_1.png", "p_finals_2.png", "p_parallel_1.png", "p_parallel_2.png"]
    assert sorted(path.name for path in figures) == names
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted([*names, "p_mine.png"])
    text = page.read_text("utf-8")
    for digest in ("a" * 8, "b" * 8):
        assert text.count(f"<h2>Runs on data {digest} by best/val_loss</h2>") == 1
        assert text.count(f"<h2>Over seeds on data {digest}</h2>") == 1
    ids = re.findall('<figure id="(.*?)"', text)
    assert ids == ["finals-1", "parallel-1", "finals-2", "parallel-2"]


def test_failures_numbers_and_samples_are_marked(
    tmp_path: Path, run: Callable[..., ComparedRun]
) -> None:
    with RunFolder(tmp_path).samples.open("w", encoding="utf-8", newline="") as file:
        texts = ["", "x" * LONGEST, "y" * (LONGEST + 1)]
        csv.writer(file).writerows([("step", "text"), *(("1", text) for text in texts)])
    best = run("seed=0", 1.0)._replace(folder=RunFolder(tmp_path))
    runs = [best, run("seed=1", 2.0)._replace(status="FAILED", reason="no file")]
    page = render(rank_runs(runs, "t", "best/val_loss"), {})
    rows = [line for line in page.splitlines() if line.startswith("<tr")]
    name = '<th>name</th><th>status</th><th>run</th><th>cause</th><th class="n">best/val_loss</th>'
    assert rows[0] == f"<tr><th>rank</th>{name}</tr>"
    assert rows[1].startswith("<tr><td>1</td>") and rows[1].endswith(
        '<td class="n">1.0000</td></tr>'
    )
    assert rows[2].startswith('<tr class="failed"><td>2</td>') and "<td>no file</td>" in rows[2]
    shown = re.findall("<pre>(.*?)</pre>", page)
    assert shown == ["∅", texts[1], f"{texts[2][:-1]}…"]
    assert "nothing is measured" in page  # no checkpoint is there


def test_the_page_has_no_column_in_which_all_runs_agree(run: Callable[..., ComparedRun]) -> None:
    def ended(name: str, loss: float, new: float) -> ComparedRun:
        metrics = {"best/val_loss": loss, "final/distinct": 1.0, "final/new": new}
        return run(name, loss)._replace(metrics=metrics)

    failed = run("seed=2", 1.0)._replace(metrics={}, status="FAILED")  # has no value to agree
    runs = [ended("seed=0", 1.0, 0.5), ended("seed=1", 1.0, 0.75), failed]
    found = rank_runs(runs, "t", "best/val_loss")
    page = render(found, {})
    assert "final/new" in page and "best/val_loss" in page and "final/distinct" not in page
    assert "final/distinct" in render(rank_runs(runs, "t", "final/distinct"), {})
    assert "final/distinct" in render(rank_runs(runs[:1], "t", "best/val_loss"), {})


class Log:
    """A tracker's run that keeps what it is given."""

    id = "parent"

    def __init__(self) -> None:
        self.files: list[str] = []

    def file(self, path: Path, folder: str = "") -> None:
        assert path.is_file()
        self.files.append(f"{folder}/{path.name}")


def test_a_sweep_keeps_its_page_and_never_fails_by_it(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log()
    write_sweep_page(sweep)
    send_sweep_page(sweep, log)  # type: ignore[arg-type]
    assert log.files[0] == "/comparison.html"
    assert len([name for name in log.files if name.startswith("figures/")]) == 4

    def full(self: Path, content: bytes) -> int:
        raise OSError("disk is full")

    monkeypatch.setattr(Path, "write_bytes", full)
    write_sweep_page(sweep)
    told = capsys.readouterr().err.strip().split("\n")
    assert len(told) == 1
    assert "disk is full" in told[0]


def test_a_comparison_without_any_figure_has_a_page(tmp_path: Path) -> None:
    old = tmp_path / "a_curves.png"
    old.write_bytes(PNG)  # of an earlier comparison
    empty = Comparison("nothing", "best/val_loss", [], [])
    (page,) = write_page(empty, tmp_path / "a.html")
    assert "no runs" in page.read_text("utf-8")
    assert not old.exists()
