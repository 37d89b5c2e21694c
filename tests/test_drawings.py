"""The manual's drawings are whole SVG, in the page's own colour, whatever they draw."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(autouse=True)
def docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    for name in ("figures", "drawings"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *(("drawings", name) for name in ("unrolled", "vanilla", "lstm", "gru")),
        *(("figures", name) for name in ("gates", "temperature", "vanishing")),
        *(("figures", name) for name in ("forgetting", "counting")),
    ],
)
def test_a_drawing_is_whole(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = __import__(module)
    if module == "figures":  # a trained network is drawn as an untrained one is
        monkeypatch.setattr(found, "TRAINING_STEPS", 1)
        monkeypatch.setattr(found, "PARITY_STEPS", 10)
    text = getattr(found, name)(*(["gru", "lru"] if name in ("forgetting", "counting") else []))
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("fill") == "currentColor" and "max-width" in str(root.get("style"))
    assert "currentColor" in text.partition("\n")[2] and "#000000" not in text
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 10
