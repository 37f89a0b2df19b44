"""The store of dated facts: each day's facts and no later ones, by any number of writers."""

import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from commands import run
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from boxoffice.core import paths
from boxoffice.films.schema import clean, read_source
from boxoffice.live import store as module
from boxoffice.live.store import KEYS, Store, StoreError
from boxoffice.live.training_set import training_set, write_training_set

FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 8), date(2026, 3, 15)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store" / "tmdb")


def people(**popularity):
    """Rows of the table people: p1=2.5 is the popularity of the person of that id."""
    return pd.DataFrame({"person_id": popularity.keys(), "popularity": popularity.values()})


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")
    }


# Write


def test_a_write_adds_one_part_with_what_is_new(store):
    assert store.write("people", people(p1=1.0, p2=2.0), FIRST) == 2
    before = contents(store.folder)
    assert store.write("people", people(p1=1.0, p2=9.0, p3=None), SECOND) == 2
    after = contents(store.folder)
    assert before.items() < after.items()
    first, second = (name.split("/")[1] for name in sorted(after))
    assert first.startswith("2026-03-01-001-")
    assert second.startswith("2026-03-08-001-")
    written = duckdb.sql(f"FROM '{store.folder}/people/{second}'")
    assert dict(zip(written.columns, map(str, written.types), strict=True)) == {
        "person_id": "VARCHAR",
        "popularity": "DOUBLE",
        "as_of": "DATE",
    }
    assert written.fetchall() == [("p2", 9.0, SECOND), ("p3", None, SECOND)]


def test_writing_twice_changes_nothing(store):
    rows = people(p1=1.0, p2=None)
    store.write("people", rows, FIRST)
    before = contents(store.folder)
    assert store.write("people", rows, FIRST) == 0
    assert store.write("people", rows.iloc[::-1], SECOND) == 0
    assert store.write("people", rows.assign(rank=None), SECOND) == 0  # a column without values
    assert store.write("people", rows.iloc[:0], THIRD) == 0
    assert store.write("people", pd.DataFrame(), THIRD) == 0
    assert contents(store.folder) == before


def test_the_same_writes_make_the_same_files(tmp_path):
    for name in ("one", "other"):
        for day, rows in ((FIRST, people(p2=1, p1=2)), (SECOND, people(p1=5, p3=4))):
            Store(tmp_path / name).write("people", rows, day)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_of_two_writes_on_a_day_the_later_one_holds(store):
    for popularity in range(12):  # also beyond 9, where text would sort otherwise
        assert store.write("people", people(p1=popularity), FIRST) == 1
    assert store.latest("people")["popularity"].tolist() == [11]
    asked = pd.DataFrame({"who": ["p1"], "day": [FIRST]})
    assert store.as_of_join(asked, "people", "who", "day")["popularity"].tolist() == [11]


def test_a_row_states_all_facts_of_its_key(store):
    films = pd.DataFrame({"id": ["1", "2"], "title": ["A", "B"], "budget": ["5", "6"]})
    store.write("films", films, FIRST)
    store.write("films", films.drop(columns="budget").assign(certificate=["R", None]), SECOND)
    latest = store.latest("films")
    assert set(latest) == {"id", "title", "budget", "certificate", "as_of"}
    assert latest["budget"].isna().all()
    assert latest["certificate"].fillna("-").tolist() == ["R", "-"]
    assert "certificate" not in store.latest("films", FIRST)
    assert store.latest("films", FIRST)["budget"].tolist() == ["5", "6"]


FAULTS = {
    "unknown table": ("stars", people(p1=1), "'stars' is no table of the store"),
    "no key": ("films", people(p1=1), "films: the rows lack the column id"),
    "key twice": (
        "people",
        pd.concat([people(p1=1), people(p1=2)]),
        r"person_id 'p1' is there twice \(again in row 1\)",
    ),
    "missing key": ("revenues", pd.DataFrame({"id": ["1", None]}), "id of row 1 is .*never blank"),
    "blank key": ("revenues", pd.DataFrame({"id": ["", "1"]}), "id of row 0 is ''"),
    "number as key": ("revenues", pd.DataFrame({"id": [7]}), "id of row 0 is .*7.*keys are text"),
    "another type": (
        "people",
        pd.DataFrame({"person_id": ["p1"], "popularity": ["high"]}),
        "popularity is text, but a number in .*people: write it as it is there",
    ),
    "two types": (
        "films",
        pd.DataFrame({"id": ["1", "2"], "title": ["A", 7]}),
        "films: title can't be stored",
    ),
    "list": ("films", pd.DataFrame({"id": ["1"], "cast": [["A"]]}), "cast is list.*facts are text"),
    "inexact number": (
        "revenues",
        pd.DataFrame({"id": ["1"], "revenue": [2**53 + 1]}),
        "revenue can't be stored: .*9007199254740993",
    ),
    "own column": ("people", people(p1=1).assign(as_of=FIRST), "'as_of' can't be a column"),
    "odd column": ("people", people(p1=1).assign(**{'a" b': 1}), "can't be a column of facts"),
    "earlier day": ("people", people(p1=7), "people has facts of 2026-03-08, and those of 2026-03"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_refused_leaves_the_store_as_it_was(store, case):
    store.write("people", people(p1=1.0), SECOND)
    before = contents(store.folder)
    table, rows, message = FAULTS[case]
    with pytest.raises(StoreError, match=message):
        store.write(table, rows, FIRST if case == "earlier day" else THIRD)
    assert contents(store.folder) == before


def test_an_old_write_can_be_run_again(store):
    for day, popularity in ((FIRST, 1), (SECOND, 2)):
        store.write("people", people(p1=popularity), day)
    assert store.write("people", people(p1=1), FIRST) == 0


# Read


def test_an_empty_store_answers(store):
    assert store.latest("films").columns.tolist() == ["id", "as_of"]
    asked = pd.DataFrame({"who": ["p1"], "day": [FIRST]})
    joined = store.as_of_join(asked, "people", "who", "day")
    assert_frame_equal(joined[["who", "day"]], asked)
    assert joined["as_of"].isna().all()
    listed = store.list()
    assert listed["table"].tolist() == list(KEYS)
    assert listed[["parts", "rows"]].to_numpy().sum() == 0


def test_the_rows_to_join_stay_as_they_are(store):
    store.write("people", people(p1=1.0, p2=2.0), FIRST)
    store.write("people", people(p1=5.0), SECOND)
    asked = pd.DataFrame(
        {
            "film": [["a", "list"], {}, None, 4, 5.0, "6"],
            "who": ["p2", "p1", "p1", "p1", None, "p9"],
            "released": pd.to_datetime(
                ["2026-03-05", "2026-03-07", "2026-03-08", None, "2026-03-09", "2026-03-09"]
            ),
        },
        index=[7, 7, 3, 2, 1, 0],
    )
    joined = store.as_of_join(asked, "people", "who", "released")
    assert_frame_equal(joined[asked.columns.tolist()], asked)
    assert joined["popularity"].fillna(-1).tolist() == [2, 1, 5, -1, -1, -1]
    assert joined["as_of"].iloc[:3].dt.date.tolist() == [FIRST, FIRST, SECOND]
    assert joined["as_of"].iloc[3:].isna().all()


@pytest.mark.parametrize("day", [SECOND, "2026-03-08", pd.Timestamp(2026, 3, 8, 23)])
def test_facts_of_the_day_itself_are_known(store, day):
    store.write("people", people(p1=1.0), SECOND)
    asked = pd.DataFrame({"who": ["p1"], "day": [day]})
    assert store.as_of_join(asked, "people", "who", "day")["popularity"].tolist() == [1.0]
    assert len(store.latest("people", SECOND)) == 1
    assert len(store.latest("people", SECOND - timedelta(days=1))) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"who": [1]}, "who of the rows to join is int64: keys are text"),
        ({"day": ["soon"]}, "day of the rows to join holds what is no date"),
        ({"day": [2026]}, "day of the rows to join holds numbers"),
        ({"popularity": [1]}, "popularity: a column of the rows to join and of people"),
    ],
)
def test_rows_that_can_not_be_joined(store, change, message):
    store.write("people", people(p1=1.0), FIRST)
    asked = pd.DataFrame({"who": ["p1"], "day": [FIRST]} | change)
    with pytest.raises(StoreError, match=message):
        store.as_of_join(asked, "people", "who", "day")


def test_a_folder_may_have_any_name(tmp_path):
    store = Store(tmp_path / "it's [a] *odd* ? place")
    store.write("people", people(p1=1.0), FIRST)
    assert store.write("people", people(p1=2.0), SECOND) == 1
    assert store.latest("people")["popularity"].tolist() == [2.0]


def test_list_counts_parts_and_rows(store):
    store.write("people", people(p1=1.0, p2=2.0), FIRST)
    store.write("people", people(p1=5.0), THIRD)
    row = store.list().set_index("table").loc["people"]
    assert row.tolist() == [2, 3, FIRST, THIRD]


def test_a_damaged_or_foreign_part_is_named(store):
    store.write("people", people(p1=1.0), FIRST)
    (part,) = (store.folder / "people").glob("*.parquet")
    shutil.copy(part, part.with_name("export.parquet"))
    with pytest.raises(StoreError, match=r"export\.parquet is not named as the store names"):
        store.latest("people")
    part.with_name("export.parquet").unlink()
    part.write_bytes(part.read_bytes()[:-20])
    asked = pd.DataFrame({"who": ["p1"], "day": [FIRST]})
    for read in (
        lambda: store.latest("people"),
        lambda: store.as_of_join(asked, "people", "who", "day"),
        lambda: store.list(),
        lambda: store.write("people", people(p1=2.0), SECOND),
    ):
        with pytest.raises(StoreError, match=r"people can't be read: .*dvc checkout"):
            read()


# Against plain Python

VALUES = st.none() | st.integers(0, 3).map(float)
FACTS = st.dictionaries(st.sampled_from("abcd"), st.tuples(VALUES, VALUES), min_size=1)
WRITES = st.lists(st.tuples(st.integers(0, 5), FACTS), max_size=6).map(
    lambda writes: sorted(writes, key=lambda write: write[0])
)


def known(writes, key, day):
    """Facts of a key on a day and the day of them, by going through all writes; None without."""
    found = None
    for written, facts in writes:
        if written <= day and key in facts and (found is None or found[0] != facts[key]):
            found = facts[key], written
    return found


def row_of(x, y, as_of):
    """Facts that were read back, as `known` has them."""
    if pd.isna(as_of):
        return None
    return tuple(None if math.isnan(value) else value for value in (x, y)), (
        as_of.date() - FIRST
    ).days


@settings(max_examples=30, deadline=None)
@given(writes=WRITES, today=st.integers(-1, 6))
def test_every_day_has_the_facts_that_were_known_then(tmp_path_factory, writes, today):
    store = Store(tmp_path_factory.mktemp("store"))
    for day, facts in writes:
        rows = pd.DataFrame(
            [(key, x, y) for key, (x, y) in facts.items()], columns=["person_id", "x", "y"]
        ).astype({"x": float, "y": float})
        store.write("people", rows, FIRST + timedelta(days=day))

    asked = [(key, day) for day in range(-1, 7) for key in "abcde"]
    left = pd.DataFrame(asked, columns=["key", "day"])
    left["day"] = [FIRST + timedelta(days=day) for day in left["day"]]
    joined = store.as_of_join(left, "people", "key", "day").reindex(columns=["x", "y", "as_of"])
    joined[["x", "y"]] = joined[["x", "y"]].astype(float)
    assert [row_of(*row) for row in joined.itertuples(index=False)] == [
        known(writes, key, day) for key, day in asked
    ]

    latest = store.latest("people", FIRST + timedelta(days=today))
    latest = latest.reindex(columns=["person_id", "x", "y", "as_of"])
    latest[["x", "y"]] = latest[["x", "y"]].astype(float)
    assert {key: row_of(*row) for key, *row in latest.itertuples(index=False, name=None)} == {
        key: known(writes, key, today) for key in "abcde" if known(writes, key, today)
    }


# Several writers, and killed ones


def write_some(folder, name):
    for number in range(5):
        Store(folder).write("people", people(**{name: number, f"{name}{number}": 1}), FIRST)


def test_writers_wait_for_each_other(store):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_some, args=(store.folder, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    latest = store.latest("people").set_index("person_id")["popularity"]
    assert latest[["a", "b", "c"]].tolist() == [4, 4, 4]
    assert len(latest) == 18
    names = sorted(path.name for path in (store.folder / "people").glob("*.parquet"))
    assert [name[11:14] for name in names] == [f"{number:03}" for number in range(1, 16)]


def test_a_writer_that_takes_too_long_is_not_waited_for(store, monkeypatch):
    monkeypatch.setattr(module, "_WAIT", 0.1)
    with store._only_writer(), pytest.raises(StoreError, match="another process writes to"):
        Store(store.folder).write("people", people(p1=1.0), FIRST)


ENDLESS = """
import sys
import numpy as np, pandas as pd
from datetime import date
from boxoffice.live.store import Store
number = 0
while True:
    rows = pd.DataFrame({"person_id": np.arange(20_000).astype(str), "popularity": number})
    Store(sys.argv[1]).write("people", rows, date(2026, 3, 1))
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_leaves_whole_parts(store):
    writer = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, store.folder],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")},
    )
    said = [writer.stdout.readline() for _ in range(3)]
    time.sleep(0.03)  # into the next write
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.readlines()
    writer.wait()
    last = int(said[-1])
    latest = store.latest("people")
    assert len(latest) == 20_000
    assert latest["popularity"].unique().tolist() in ([last], [last + 1])

    half = store.folder / "people" / ".2026-03-01-099-abc.parquet.1.part.parquet"
    half.write_bytes(b"PAR1")
    assert len(store.latest("people")) == 20_000
    assert store.write("people", people(p1=1.0), SECOND) == 1
    assert not list((store.folder / "people").glob(".*"))


# What was known on a day, as a source

DRAMA = '[{"id": 18, "name": "Drama"}]'
LANG = '[{"id": 68, "name": "Fritz Lang", "job": "Director", "department": "Directing"}]'


def films(*ids, **columns):
    facts = {
        "title": [f"Film {number}" for number in ids],
        "original_language": "de",
        "release_date": "2026-02-01",
        "genres": DRAMA,
        "production_companies": None,
        "budget": "5000000",
        "runtime": "153",
        "cast": "[]",
        "crew": None,
    }
    return pd.DataFrame({"id": [str(number) for number in ids]} | facts | columns)


def revenues(**amounts):
    """f1=2.5e6 is what film 1 had earned."""
    ids = [name.removeprefix("f") for name in amounts]
    return pd.DataFrame({"id": ids, "revenue": [*amounts.values()]})


@pytest.fixture
def weeks(store):
    """Three weeks in which revenues rise, credits become known and a film turns up."""
    store.write("films", films(1, 2), FIRST)
    store.write("revenues", revenues(f1=1e6), FIRST)
    store.write("films", films(1, 2, 3, crew=LANG, budget="9000000"), SECOND)
    store.write("revenues", revenues(f1=4e6, f2=2e6), SECOND)
    store.write("revenues", revenues(f1=5e6, f2=3e6, f3=7e6), THIRD)
    return store


def test_nothing_dated_later_gets_into_a_training_set(weeks):
    movies, credits = training_set(weeks, FIRST)
    assert movies["id"].tolist() == credits["movie_id"].tolist() == ["1", "2"]
    assert movies["revenue"].fillna("").tolist() == ["1000000", ""]
    assert set(movies["budget"]) == {"5000000"}
    assert credits["crew"].isna().all()

    movies, credits = training_set(weeks, THIRD - timedelta(days=1))
    assert movies["revenue"].fillna("").tolist() == ["4000000", "2000000", ""]
    assert set(movies["budget"]) == {"9000000"}
    assert set(credits["crew"]) == {LANG}


def test_a_training_set_is_a_source(weeks, tmp_path):
    card = write_training_set(weeks, SECOND, tmp_path / "raw" / "second")
    assert card == {"store": "tmdb", "as_of": "2026-03-08", "films": 3, "with_revenue": 2}
    movies, credits, rejected = read_source(tmp_path / "raw" / "second")
    assert len(movies) == len(credits) == 3
    assert rejected.empty
    cleaned = clean(movies)
    assert cleaned["revenue"].tolist()[:2] == [4e6, 2e6]
    assert cleaned["usable"].tolist() == [True, True, False]


def test_later_facts_change_no_training_set(weeks, tmp_path):
    write_training_set(weeks, SECOND, tmp_path / "before")
    weeks.write("films", films(1, 2, 4, title="Renamed", certificate="R"), THIRD)
    weeks.write("revenues", revenues(f1=1, f2=2, f4=3), THIRD + timedelta(days=400))
    write_training_set(weeks, SECOND, tmp_path / "after")
    for name in ("movies.csv", "credits.csv", "as_of.json"):
        assert (tmp_path / "before" / name).read_bytes() == (tmp_path / "after" / name).read_bytes()


def film_rows(budgets):
    return films(*budgets, budget=[str(budget) for budget in budgets.values()])


def revenue_rows(amounts):
    return revenues(**{f"f{number}": amount for number, amount in amounts.items()})


WEEKS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(["films", "revenues"]),
        st.dictionaries(st.integers(1, 4), st.integers(1, 9), min_size=1),
    ),
    min_size=1,
    max_size=6,
).map(lambda writes: sorted(writes, key=lambda write: write[0]))


@settings(max_examples=20, deadline=None)
@given(writes=WEEKS, today=st.integers(0, 4))
def test_a_training_set_is_what_a_store_of_that_day_gives(tmp_path_factory, writes, today):
    """The whole store, asked about a day, answers as one to which nothing was added after it."""
    whole, then = (Store(tmp_path_factory.mktemp("store")) for _ in range(2))
    for number, table, values in writes:
        rows = {"films": film_rows, "revenues": revenue_rows}[table](values)
        for store in (whole, then) if number <= today else (whole,):
            store.write(table, rows, FIRST + timedelta(days=number))
    day = FIRST + timedelta(days=today)
    if then.latest("films").empty:
        with pytest.raises(StoreError, match="knew of no film on"):
            training_set(whole, day)
        return
    for table, expected in zip(training_set(whole, day), training_set(then, day), strict=True):
        assert_frame_equal(table, expected)


def test_a_folder_that_holds_something_else_is_left_alone(weeks, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "movies.csv").write_text("mine")
    with pytest.raises(StoreError, match="holds something else"):
        write_training_set(weeks, SECOND, tmp_path / "raw")
    assert (tmp_path / "raw" / "movies.csv").read_text() == "mine"
    write_training_set(weeks, SECOND, tmp_path / "set")
    assert write_training_set(weeks, FIRST, tmp_path / "set")["films"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "set", "store"]


def command(*words, stores):
    return run("store.py", *words, "--source", "tmdb", "--store", stores)


def test_the_commands(weeks, tmp_path):
    stores = weeks.folder.parent
    done = command("list", stores=stores)
    assert done.returncode == 0, done.stderr
    assert "revenues      3     6 2026-03-01 2026-03-15" in done.stdout
    to = tmp_path / "march"
    done = command("training-set", "--as-of", "2026-03-08", "--to", to, stores=stores)
    assert done.returncode == 0, done.stderr
    assert "3 films, 2 with a revenue, as known on 2026-03-08" in done.stdout
    done = command("training-set", "--as-of", "2026-02-28", "--to", tmp_path / "no", stores=stores)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "no").exists()


# DVC


def test_dvc_keeps_every_version_of_the_store(tmp_path):
    """In a repository with this project's ignore rules: add, add again, go back."""
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(paths.ROOT / name, tmp_path)

    def said(*words):
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dvc(*words):
        return said(sys.executable, "-m", "dvc", *words, "--quiet")

    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")
    said("git", "init", "--quiet")
    dvc("init")
    store = Store(tmp_path / "data" / "store" / "tmdb")
    for popularity, day in ((1.0, FIRST), (2.0, SECOND)):
        store.write("people", people(p1=popularity), day)
        dvc("add", "data/store")
        said(*git, "add", ".")
        said(*git, "commit", "--quiet", "--message", f"Facts of {day}")
    tracked = said("git", "ls-files").split()
    assert [name for name in tracked if name.startswith("data")] == ["data/store.dvc"]
    kept = [path for path in (tmp_path / ".dvc" / "cache" / "files").rglob("*") if path.is_file()]
    assert len(kept) == 4  # two parts, each once, and two lists of them: no lock file

    said("git", "checkout", "--quiet", "HEAD~1", "--", "data/store.dvc")
    dvc("checkout", "data/store.dvc")
    assert store.latest("people")["popularity"].tolist() == [1.0]
    said("git", "checkout", "--quiet", "HEAD", "--", "data/store.dvc")
    dvc("checkout", "data/store.dvc")
    assert store.write("people", people(p1=3.0), THIRD) == 1
    assert np.array_equal(store.latest("people", SECOND)["popularity"], [2.0])
