"""The command: a table in, a table out, whole or not at all; one film in, the API's words out."""

import json
import os
import signal
import subprocess
import sys
import termios
import time

import numpy as np
import pandas as pd
import pytest
from commands import run

from boxoffice.core import paths
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.request import (
    AFTER_RELEASE_FIELDS,
    CLASSIC_FIELDS,
    Engagement,
    Film,
    example,
    expected,
    faults,
)

COMMAND = paths.ROOT / "scripts" / "predict.py"
ROW = {
    "title": "Metropolis",
    "original_language": "de",
    "release_date": "1927-01-10",
    "genres": '[{"id": 18, "name": "Drama"}]',
    "budget": 92_620_000,
    "runtime": 153,
    "vote_average": 8.0,
    "vote_count": 657,
    "popularity": 32.35,
}
ADDED = [
    "predicted_revenue",
    "expected_revenue",
    "revenue_lower",
    "revenue_upper",
    "probability_success",
    "model",
    "warnings",
    "error",
]


@pytest.fixture
def predict(models, tmp_path):
    """A function that runs the command with these trained models, in an empty folder."""

    def predict(*arguments):
        return run("predict.py", *arguments, "--models", models, cwd=tmp_path)

    return predict


def films(path, *rows):
    pd.DataFrame([ROW | row for row in rows]).to_csv(path, index=False)
    return path


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_comes_back_with_forecasts(predict, tmp_path, kind):
    films(tmp_path / "films.csv", {}, {"budget": "lots"}, {"vote_count": ""})
    if kind == "parquet":
        table = pd.read_csv(tmp_path / "films.csv", dtype=str)
        (tmp_path / "films.csv").unlink()
        table.to_parquet(tmp_path / "films.parquet")
    done = predict(f"films.{kind}", "-o", f"out/films.{kind}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"out/films.{kind}: 3 films, 2 scored, 1 rejected",
        "  row 2: budget: lots is not a number above 0, at most 10,000,000,000 (USD)",
    ]
    assert done.stderr == ""  # no bar where nobody watches
    out = getattr(pd, f"read_{kind}")(tmp_path / "out" / f"films.{kind}")
    assert list(out) == [*ROW, *ADDED]
    assert out["model"].fillna("").tolist() == ["classic", "", "pre_release"]
    assert left_in(tmp_path / "out") == [f"films.{kind}"]


def test_the_table_names_comparable_films_where_asked_for(predict, tmp_path):
    films(tmp_path / "films.csv", {}, {"budget": "lots"}, {"vote_count": ""})
    assert predict("films.csv", "-o", "plain.csv").returncode == 0
    assert predict("films.csv", "-o", "out.csv", "--comparables").returncode == 0
    plain, out = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("plain", "out"))
    comparables = [f"comparable_{number}" for number in range(1, 6)]
    assert list(out) == [*ROW, *ADDED[:5], *comparables, *ADDED[5:]]
    pd.testing.assert_frame_equal(out[list(plain)], plain)
    assert out[comparables].notna().all(axis=1).tolist() == [True, False, True]
    assert out[comparables].isna().all(axis=1).tolist() == [False, True, False]
    # Votes don't make a film like another.
    assert out.loc[0, comparables].tolist() == out.loc[2, comparables].tolist()
    for name in comparables:
        assert out[name].dropna().str.fullmatch(r".+ \(\d{4}\), \$[\d,]+").all()


def test_one_format_in_and_another_out(predict, tmp_path):
    films(tmp_path / "films.csv", {}, {})
    assert predict("films.csv", "-o", "out.parquet").returncode == 0
    assert predict("out.parquet", "-o", "again.csv").returncode == 0
    out, again = pd.read_parquet(tmp_path / "out.parquet"), pd.read_csv(tmp_path / "again.csv")
    assert again[ADDED[:5]].to_numpy().tolist() == out[ADDED[:5]].to_numpy().tolist()


def test_of_many_reasons_the_first_are_told(predict, tmp_path):
    films(tmp_path / "films.csv", {}, *({"budget": -n} for n in range(1, 10)))
    told = predict("films.csv", "-o", "out.csv").stdout.splitlines()
    assert told[0] == "out.csv: 10 films, 1 scored, 9 rejected"
    assert [line.split(":")[0].strip() for line in told[1:-1]] == [f"row {n}" for n in range(2, 7)]
    assert told[-1].strip() == "... the column error has the others"


def test_nothing_scored_is_a_failure(predict, tmp_path):
    films(tmp_path / "films.csv", {"budget": 0}, {"release_date": ""})
    done = predict("films.csv", "-o", "out.csv")
    assert done.returncode == 1
    assert done.stderr == "error: no row could be scored; out.csv says of each why\n"
    assert pd.read_csv(tmp_path / "out.csv")["error"].notna().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv", "-o", "out.csv"], "the table can't be scored: the file is missing"),
        (["none.csv", "-o", "out.csv"], "the table lacks the columns budget, release_date; it has"),
        (["films.csv"], "give a table and where to write it: films.csv -o out.csv"),
        (["-o", "out.csv"], "give a table and where to write it: films.csv -o out.csv"),
        (["films.csv", "-o", "films.csv"], "films.csv is the table itself: write to another file"),
        (["films.csv", "-o", "link.csv"], "link.csv is the table itself: write to another file"),
        (["films.csv", "-o", "out.xlsx"], "out.xlsx must end in .csv or .parquet"),
        (["films.tsv", "-o", "out.csv"], "films.tsv must end in .csv or .parquet"),
        (["films.csv", "-o", "out.csv", "--film", "{}"], "give --film, or a table with --out"),
        (["films.csv", "-o", "folder.csv"], "Is a directory"),
    ],
)
def test_what_cannot_be_done_is_said(predict, tmp_path, arguments, message):
    films(tmp_path / "films.csv", {})
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "films.csv")
    (tmp_path / "folder.csv").mkdir()
    before = left_in(tmp_path), (tmp_path / "films.csv").read_bytes()
    done = predict(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (left_in(tmp_path), (tmp_path / "films.csv").read_bytes()) == before


def test_missing_models_are_named(tmp_path):
    films(tmp_path / "films.csv", {})
    done = subprocess.run(
        [sys.executable, COMMAND, "films.csv", "-o", "out.csv", "--models", tmp_path / "none"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "none/revenue_classic" in done.stderr
    assert "dvc repro" in done.stderr
    assert left_in(tmp_path) == ["films.csv"]


def test_a_killed_command_leaves_the_old_table_and_the_next_run_replaces_it(
    models, predict, tmp_path
):
    many = pd.DataFrame([ROW]).loc[[0] * 300_000].assign(vote_count=None, title="Iron Man 3")
    many.to_csv(tmp_path / "films.csv", index=False)
    (tmp_path / "out.csv").write_text("the old table\n")
    process = subprocess.Popen(
        [sys.executable, COMMAND, "films.csv", "-o", "out.csv", "--models", models],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert half_written(tmp_path, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / "out.csv").read_text() == "the old table\n"
    films(tmp_path / "films.csv", {}, {})
    assert predict("films.csv", "-o", "out.csv").returncode == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 2


def half_written(folder, process):
    """Wait until a part of the output is on disk; whether the command still runs then."""
    for _ in range(600):
        if any(part.stat().st_size for part in folder.glob(".out.csv.*.part.csv")):
            break
        time.sleep(0.1)
    return process.poll() is None


def test_an_interrupted_command_leaves_nothing(models, tmp_path):
    many = pd.DataFrame([ROW]).loc[[0] * 300_000].assign(vote_count=None)
    many.to_csv(tmp_path / "films.csv", index=False)
    process = subprocess.Popen(
        [sys.executable, COMMAND, "films.csv", "-o", "out.csv", "--models", models],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert half_written(tmp_path, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
    finally:
        process.kill()
    assert left_in(tmp_path) == ["films.csv"]


def test_a_bar_is_drawn_for_who_watches(models, tmp_path):
    films(tmp_path / "films.csv", {}, {})
    leader, follower = os.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    try:
        subprocess.run(
            [sys.executable, COMMAND, "films.csv", "-o", "out.csv", "--models", models],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=follower,
            check=True,
        )
        drawn = os.read(leader, 10_000).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert "2 films" in drawn


def test_help_has_examples(predict):
    said = predict("--help").stdout
    assert "python scripts/predict.py films.csv -o out.csv" in said
    assert """--film '{"budget": 2e7, "release_year": 2026}'""" in said
    assert run("predict.py").stdout.strip() == said.strip()


# One film


@pytest.mark.parametrize(
    "film",
    [
        {name: example(Film)[name] for name in CLASSIC_FIELDS},
        {"budget": 2e7, "release_year": 2026, "comedy": True, "runtime": None},
        {name: value for name, value in example(Film).items() if name not in AFTER_RELEASE_FIELDS},
    ],
    ids=["classic", "before its release", "all that is known before its release"],
)
def test_one_film_is_answered_in_the_words_of_the_api(predict, models, film):
    done = predict("--film", json.dumps(film))
    assert done.returncode == 0, done.stderr
    answer, forecasts = json.loads(done.stdout), Forecasts(models)
    assert answer == {
        "revenue": forecasts.revenue(film),
        "success": forecasts.success(film),
        **forecasts.comparables(film),
    }


@pytest.mark.parametrize(
    ("film", "message"),
    [
        ('{"budget": 1', "--film is not JSON: Expecting ',' delimiter"),
        ("[" * 100_000, "--film is not JSON: maximum recursion"),
        ("[1]", "[1] is not a JSON object"),
        (
            '{"budget": "lots", "release_year": 2009.5}',
            "budget: 'lots' is not a number above 0, at most 10,000,000,000 (USD); "
            "release_year: 2009.5 is not a year from 1888 to 2100",
        ),
        (
            '{"budget": 1e7}',
            "release_year is missing: give a year from 1888 to 2100, or release_date",
        ),
        ('{"budget": NaN, "release_year": 2009}', "budget: nan is not a number above 0"),
        (
            r'{"budget": 1e6, "release_year": 2004, "director": ["\ud800"]}',
            r"director: ['\ud800'] is not a list of at most 200 names or ids",
        ),
        (r'{"budget": 1e6, "release_year": 2004, "\ud800": 1}', "is not a JSON object"),
        (
            '{"budget": 1e6, "release_year": 2004, "title": "\udcff"}',
            r"title: '\udcff' is not a text",
        ),
        ('{"budgte": 1}', "budgte is no field of a film; the fields are budget, popularity,"),
    ],
)
def test_a_film_that_is_none_is_told_all_its_faults(predict, film, message):
    done = predict("--film", film)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_examples_of_all_fields_are_right():
    assert faults(example(Film)) == []
    assert faults(example(Engagement), Engagement) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("budget", [1, 0.5, 1e10], [0, -1, 1e10 + 1, np.inf, "5", True, [5], 10**400]),
        ("vote_avg", [0, 10, 7.5], [-0.1, 10.1, float("nan")]),
        ("release_year", [1888, 2100, 2009.0], [1887, 2101, 2009.5, float("inf")]),
        ("action", [0, 1, True, 1.0], [2, -1, "1", 0.5]),
        ("release_date", ["2009-12-10"], ["2009-02-30", "20091210", "2009-1-5", "1887-12-31", 5]),
        ("title", ["", "Avatar"], ["x" * 501, 5, "\ud800"]),
        ("genres", [[], ["Drama"]], ["Drama", [5], [""], ["\ud800"], ["Drama"] * 201]),
        ("cast", [["Zoe", 5]], [[-1], [True], [2**63], [None], [5.5], ["\ud800"]]),
        ("completion_rate", [0, 1, 0.85], [85, -0.1]),
        ("avg_rating", [1, 5], [0.9, 5.1]),
        ("ratings_count", [0, 9500], [-1, 1.5]),
        ("avg_watch_time", [0.1, 2000], [0, 2001]),
    ],
)
def test_a_field_takes_its_range_and_no_more(name, right, wrong):
    request = Film if name in Film.model_fields else Engagement
    fields = request.model_fields
    needed = {key: example(request)[key] for key in fields if fields[key].is_required()}
    needed |= {"release_year": 2009} if request is Film else {}
    for value in [*right, *([] if name in needed else [None])]:
        assert faults(needed | {name: value}, request) == []
    for value in wrong:
        (told,) = faults(needed | {name: value}, request)
        assert told.startswith(f"{name}: ")
        assert told.endswith(f"is not {expected(name)}")


def test_a_date_of_another_year_is_a_fault():
    film = {"budget": 1e6, "release_year": 2009, "release_date": "2010-01-01"}
    told = "release_year: 2009 is not the year of 2010-01-01, which release_date says"
    assert faults(film) == [told]


def test_a_wrong_date_is_the_only_fault():
    for film in ({"release_date": "2009-02-30"}, {"release_date": "2009-02-30", "release_year": 5}):
        told = faults({"budget": 1e6} | film)
        assert told[0].startswith("release_date: '2009-02-30' is not a date")
        assert len(told) == len(film)


def test_the_year_is_that_of_the_date(predict):
    film = {"budget": 2e7, "release_date": "2009-12-10"}
    dated, both = (
        predict("--film", json.dumps(film | year)) for year in ({}, {"release_year": 2009})
    )
    assert dated.returncode == 0, dated.stderr
    assert json.loads(dated.stdout) == json.loads(both.stdout)


def test_a_byte_order_mark_is_no_fault(predict):
    film = '{"budget": 2e7, "release_year": 2009}'
    assert predict("--film", f"\ufeff{film}").stdout == predict("--film", film).stdout
