"""Passwords in addresses are taken out, found again, and masked in any text."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.system import secrets
from rnnx.system.secrets import is_named, masked, name_servers, take_out, whole, without_password

ADDRESSES = {
    "postgresql+psycopg://user:secret@host/db": "postgresql+psycopg://user@host/db",
    "postgresql://user@host/db": "postgresql://user@host/db",
    "postgresql://u:p@ss/w?x@host/db?sslmode=require": "postgresql://u@host/db?sslmode=require",
    "postgresql://host/db?user=u&password=secret": "postgresql://host/db?user=u",
    "mysql://u:p%40w@host/db?charset=utf8": "mysql://u@host/db?charset=utf8",
    "mssql+pyodbc://u:p@h/d?driver=ODBC+17&PWD=x": "mssql+pyodbc://u@h/d?driver=ODBC+17",
    "http://user:secret@host:5000/x": "http://host:5000/x",
    "http://u:p/w@host/x": "http://host/x",
    "https://token@host/x?token=abc&api_key=1&a=b": "https://host/x?a=b",
    "http://host:5000/a@b": "http://host:5000/a@b",
    "http://[::1]:5000/a@b?c=d@e": "http://[::1]:5000/a@b?c=d@e",
    "sqlite:////home/a@b:c/mlflow.db": "sqlite:////home/a@b:c/mlflow.db",
    "names@home:5": "names@home:5",
    "": "",
}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (secrets.VARIABLE, *secrets.OTHER_ADDRESSES, *secrets.SECRETS):
        monkeypatch.setenv(name, "")  # so that it is put back


@pytest.mark.parametrize(("text", "without"), ADDRESSES.items())
def test_an_address_without_its_password(text: str, without: str) -> None:
    assert without_password(text) == without
    assert without_password(without) == without
    assert take_out(text) == without
    assert whole(without) == text


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=6))
def test_no_password_is_left(password: str) -> None:
    spelled = quote(password, safe="")
    assert without_password(f"http://user:{spelled}@host/x") == "http://host/x"
    for text in (spelled, quote(password), password):
        assert without_password(f"postgresql://user:{text}@host/db") == "postgresql://user@host/db"


def test_two_passwords_are_one_store() -> None:
    assert take_out("http://u:one1@host") == take_out("http://v:two2@host")


def test_the_environment_has_the_password_of_a_file_s_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://u:secret@host/db")
    assert whole("postgresql://u@host/db") == "postgresql://u:secret@host/db"
    assert whole("postgresql://u@other/db") == "postgresql://u@other/db"


def test_what_is_known_is_masked_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    take_out("postgresql://user:top%21secret@host/db")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tokentoken")
    text = "FATAL: top!secret, top%21secret; Authorization: Bearer tokentoken"
    assert masked(text) == "FATAL: …, …; Authorization: Bearer …"


def test_what_looks_like_a_password_is_masked() -> None:
    found = masked("to http://me:pass@host/api?token=abc&page=2 and 'x://y:z@w', at 12:30 a@b")
    assert found == "to http://me:…@host/api?token=…&page=2 and 'x://y:…@w', at 12:30 a@b"


def test_a_server_is_named_by_the_command_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not is_named("http://host:5000")
    name_servers({"name": "any", "places": ["http://host:5000/"]})
    assert is_named("http://host:5000")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://u:p@other/x")
    assert is_named("https://other/x/")
    assert not is_named("https://other.org/x")
