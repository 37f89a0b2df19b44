"""Facts on their way to Hopsworks and back, as far as that goes without its client or a server."""

import importlib.util
import json
import os
import re
import subprocess
from datetime import date

import pandas as pd
import pytest
from commands import run
from pandas.testing import assert_frame_equal

from boxoffice.core import paths
from boxoffice.live.store import _TYPES, KEYS, Store

FOLDER = paths.ROOT / "scripts" / "boxoffice" / "live" / "hopsworks"
SCRIPT = FOLDER / "exchange.py"
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 8)
KEY = "h4rdT0Guess.aKeyOfSomebody"

spec = importlib.util.spec_from_file_location("exchange", SCRIPT)
exchange = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exchange)


@pytest.fixture
def store(tmp_path):
    """Facts of all types, some missing; a column that comes later; two writes on one day."""
    store = Store(tmp_path / "Tmdb-EU")
    store.write("films", pd.DataFrame({"id": ["2", "1"], "title": ['a\n"ä"', None]}), FIRST)
    store.write("films", pd.DataFrame({"id": ["1"], "cast": ["[]"], "title": ["b"]}), SECOND)
    people = pd.DataFrame({"person_id": ["7", "8"], "popularity": [1 / 3, None]})
    people = people.assign(known=[True, None], born=[date(1890, 12, 5), None])
    store.write("people", people, FIRST)
    store.write("people", people.assign(popularity=[9e9, None]), FIRST)
    store.write("revenues", pd.DataFrame({"id": ["1"], "revenue": [123_456_789]}), SECOND)
    return store


def test_its_tables_and_types_are_those_of_the_store():
    assert exchange.PRIMARY_KEYS == KEYS
    assert set(exchange.HOPSWORKS_TYPES.values()) == set(_TYPES)


def test_facts_come_back_as_they_went(store, tmp_path):
    """Through the frames that are inserted and read; Hopsworks may return dates as times."""
    back = Store(tmp_path / "back")
    for table in KEYS:
        rows = exchange.facts(store.folder, table)
        types = exchange.features(rows)
        frame = rows.to_pandas().assign(as_of=lambda frame: pd.to_datetime(frame["as_of"]))
        rows = exchange.to_rows(frame.sample(frac=1, random_state=0), types)
        exchange.write_parts(rows, back.folder, table)
    for table in KEYS:
        for day in (FIRST, SECOND):
            before, after = store.latest(table, day), back.latest(table, day)
            assert_frame_equal(after[before.columns.tolist()], before)
    listed = store.list().set_index("table")["parts"] - back.list().set_index("table")["parts"]
    assert listed.to_dict() == {"films": 0, "people": 1, "revenues": 0}
    assert back.write("people", pd.DataFrame({"person_id": ["9"]}), SECOND) == 1


def test_a_key_has_one_row_per_day(store):
    people = exchange.facts(store.folder, "people").to_pandas()
    assert dict(zip(people["person_id"], people["popularity"].fillna(-1), strict=True)) == {
        "7": 9e9,
        "8": -1,
    }


def test_only_facts_since_a_day(store):
    assert exchange.facts(store.folder, "people", SECOND) is None
    assert exchange.facts(store.folder, "films", SECOND)["id"].to_pylist() == ["1"]


@pytest.fixture(autouse=True)
def no_account(monkeypatch):
    for name in [name for name in os.environ if name.startswith("HOPSWORKS")]:
        monkeypatch.delenv(name)


def command(*words, **environment):
    return run("boxoffice/live/hopsworks/exchange.py", *words, **environment)


def test_a_dry_run_says_what_would_be_inserted(store):
    done = command("push", store.folder, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        "tmdb_eu_films 1: 3 facts of 2026-03-01 to 2026-03-08",
        "  id string, title string, as_of date, cast string",
    ]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "error: HOPSWORKS_API_KEY is not set"),
        ({"HOPSWORKS_API_KEY": KEY}, "error: no project"),
        # The client is not in this environment, so this ends where it would log in.
        ({"HOPSWORKS_API_KEY": KEY, "HOPSWORKS_PROJECT": KEY}, "error: No module named"),
    ],
)
def test_errors_are_one_line_without_the_key(store, environment, message):
    done = command("push", store.folder, **environment)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert KEY not in done.stdout + done.stderr


def test_an_error_of_the_client_that_quotes_the_key_is_masked(tmp_path):
    done = command("pull", "tmdb", tmp_path, HOPSWORKS_API_KEY=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "error: *** exists: name a new folder\n"


def test_a_store_is_never_pulled_over_another(store):
    done = command("pull", "tmdb", store.folder, HOPSWORKS_API_KEY=KEY, HOPSWORKS_PROJECT="p")
    assert done.returncode == 1
    assert "exists: name a new folder" in done.stderr


def test_its_environment_is_locked_and_names_no_index():
    pipfile, text = ((FOLDER / name).read_text() for name in ("Pipfile", "Pipfile.lock"))
    assert not re.search("https?://", pipfile + text)
    lock = json.loads(text)
    assert lock["_meta"]["sources"] == []
    assert lock["default"]["hopsworks"]["extras"] == ["python"]
    assert all(
        re.fullmatch(r"sha256:[0-9a-f]{64}", each)
        for package in lock["default"].values()
        for each in package["hashes"]
    )
    pipenv = paths.ROOT / ".pipenv" / "bin" / "pipenv"
    if not pipenv.exists():
        pytest.skip("Pipenv is not in .pipenv (make setup)")
    quiet = {"PIPENV_IGNORE_VIRTUALENVS": "1", "PIPENV_VERBOSITY": "-1"}
    done = subprocess.run(
        [pipenv, "verify"], cwd=FOLDER, env=os.environ | quiet, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
