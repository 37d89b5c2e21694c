"""No file and no line has a password, and no server but the one that the user named gets one."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny

import rnnx
from rnnx.cli.runs import resume, sync
from rnnx.config.overrides import without_password_in
from rnnx.contracts.trackers import RunSummary
from rnnx.errors import RunNotFound, StoreError
from rnnx.runs.find import folder_here
from rnnx.system import secrets
from rnnx.training.run import Run
from rnnx_builtin.trackers import mlflow_store
from rnnx_builtin.trackers.mlflow_client import connect, refuse_foreign_artifacts


@pytest.fixture
def run(names: Path) -> Run:
    return rnnx.train(tiny(names))


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no password and no server."""
    for name in (secrets.VARIABLE, *secrets.OTHER_ADDRESSES, *secrets.SECRETS):
        monkeypatch.setenv(name, "")


PASSWORD = "geheim!77"
WAYS = [  # tests/system/test_secrets.py has more addresses
    ("override", "postgresql+psycopg://me:{}@db.org/runs"),
    ("variable", "https://mlflow.org/?token={}"),
    ("interpolation", "https://{}@mlflow.org"),
]


@pytest.mark.usefixtures("default_store")
@pytest.mark.parametrize(("by", "store"), WAYS)
def test_a_store_s_password_is_in_no_file(
    by: str, store: str, names: Path, monkeypatch: pytest.MonkeyPatch, forgetful: None
) -> None:
    """A run and its resumption; SQLite stands in for the server, which gets the password."""
    asked: list[str] = []

    def connect_to_sqlite(uri: str) -> Any:
        asked.append(uri)
        return connect(f"sqlite:///{Path.cwd() / 'mlflow.db'}")

    monkeypatch.setattr(mlflow_store, "connect", connect_to_sqlite)
    uri = store.format(PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_URI" if by == "variable" else "WHERE", uri)
    how = {"override": [f"tracker.uri={uri}"], "interpolation": ["tracker.uri=${oc.env:WHERE}"]}
    mine = [*tiny(names, "steps=2")[1:], *how.get(by, [])]
    run = rnnx.train(mine)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    resume(run.run_id, ["steps=3"])
    assert set(asked) == {uri}
    kept = [path for path in Path.cwd().rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert [path for path in kept if b"geheim" in path.read_bytes()] == []


def test_a_password_is_in_no_error(
    names: Path, capsys: pytest.CaptureFixture[str], forgetful: None
) -> None:
    for uri in (f"http://me:{PASSWORD}@127.0.0.1:9", f"nope://me:{PASSWORD}@127.0.0.1:9"):
        with pytest.raises(StoreError, match=r"tracker\.uri=\w+://") as error:
            rnnx.train([*tiny(names)[1:], f"tracker.uri={uri}"])
        assert "geheim" not in str(error.value)
    assert "geheim" not in "".join(capsys.readouterr())


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str | None]]]:
    """The address of a server, and the header Authorization of each request to it."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


def test_a_folder_s_server_gets_no_password(
    run: Run,
    listener: tuple[str, list[str | None]],
    monkeypatch: pytest.MonkeyPatch,
    forgetful: None,
) -> None:
    address, seen = listener
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token of mine")
    text = run.folder.config.read_text().replace(
        "tracker:\n  name: none", f"tracker:\n  name: mlflow\n  uri: {address}"
    )
    run.folder.config.write_text(text)
    for path in run.folder.checkpoints.iterdir():
        path.unlink()
    with pytest.raises(StoreError, match="MLFLOW_TRACKING_TOKEN, and you have not named it"):
        connect(address)
    resume(str(run.folder.path), [])
    with pytest.raises(StoreError):
        sync(str(run.folder.path))
    assert seen == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(StoreError):
        sync(str(run.folder.path))
    assert seen[0] == "Bearer token of mine"


def test_a_store_s_artifacts_are_on_its_own_server(
    monkeypatch: pytest.MonkeyPatch, forgetful: None
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token of mine")
    for place in ("mlflow-artifacts:/1/x", "http://own:5000/x", "/mlruns/1", "s3://bucket/x"):
        refuse_foreign_artifacts("http://own:5000", place)
    for place in ("mlflow-artifacts://evil.org/x", "https://evil.org/x", "http://own:5001/x"):
        with pytest.raises(StoreError, match=r"the run's artifacts=.*MLFLOW_TRACKING_TOKEN"):
            refuse_foreign_artifacts("http://own:5000", place)


def test_a_store_s_tag_leads_into_no_other_folder(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    run.folder.path.rename(elsewhere)
    found = RunSummary(run.run_id, "FINISHED", "", 0.0, str(elsewhere), {}, {})
    with pytest.raises(RunNotFound, match="not below outputs; if that is so, name the folder"):
        folder_here(found, Path("outputs"))
    for nowhere in ("/no/such/folder", "\0", "~nobody1234"):
        assert folder_here(found._replace(folder=nowhere), Path("outputs")) is None


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a,http://me:{}@b/", "a,http://b/"),
        ("http://u:{}@c/,http://me:{}@b/", "http://c/,http://b/"),
        ("'http://u:{}@c/', \"http://me:{}@b/\"", "'http://c/',\"http://b/\""),
        ("http://me:{},x@b/,sqlite:///m.db", "http://b/,sqlite:///m.db"),
        ("'x,http://me:{}@b/'", "'x,http://b/'"),
    ],
)
def test_a_sweep_over_stores_keeps_no_password(typed: str, kept: str, forgetful: None) -> None:
    made = without_password_in(f"tracker.uri={typed.format('hush', 'hush')}")
    assert made == f"tracker.uri={kept}"
