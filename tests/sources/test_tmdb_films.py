"""`scripts/fetch.py tmdb_api|people`, against a server that answers like TMDB."""

import gzip
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import commands
import pandas as pd
import pytest
from tmdb_server import KEY, Service, film, person, refusal, released, serving_tmdb

from boxoffice.core import paths
from boxoffice.core.files import SourceError
from boxoffice.films.credits import credit_roles
from boxoffice.films.schema import clean, read_source
from boxoffice.sources import tmdb_api, tmdb_films, tmdb_media
from boxoffice.sources.tmdb_answers import AllReleases, Answers, ask_page
from boxoffice.sources.tmdb_api import Key, ServiceFault, Tmdb, Unavailable

FIRST, LAST = date(2000, 1, 1), date(2001, 12, 31)
TODAY = date(2026, 11, 2)
NAMES = {"movies.csv", "credits.csv", "skipped.csv", "answers.sqlite"}


@pytest.fixture
def service():
    with serving_tmdb() as server:
        yield server


@pytest.fixture
def tmdb(service):
    with Tmdb(Key(KEY), f"{service.url}/3", rate=1000, backoff=0) as session:
        yield session


def fetched(tmdb, folder, since=FIRST, until=LAST, today=TODAY, **others):
    return tmdb_films.fetch_films(tmdb, folder, since, until, today=today, **others)


def movies_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "movies.csv", dtype=str, keep_default_na=False, index_col="id")


def skipped_of(folder: Path) -> dict[str, str]:
    table = pd.read_csv(folder / "skipped.csv", dtype=str, keep_default_na=False)
    return dict(zip(table["id"], table["reason"], strict=True))


def run(service: Service, *words: object, key: str = KEY):
    """The command, in this process."""
    return commands.run("fetch.py", *words, **variables(service, key))


def variables(service: Service, key: str = KEY) -> dict[str, str]:
    return {
        tmdb_api.KEY_VARIABLE: key,
        "TMDB_API_ADDRESS": f"{service.url}/3",
        "TMDB_EXPORTS_ADDRESS": f"{service.url}/p/exports",
    }


# -------------------------------------------------------------------------------------- tables


def test_a_film_becomes_a_row_of_both_tables(service, tmdb, tmp_path):
    collection = {"id": 86, "name": "Films", "poster_path": None, "backdrop_path": None}
    service.add(
        film(550, belongs_to_collection=collection, overview='Two, "three"\r\nlines', runtime=None)
    )
    summary = fetched(tmdb, tmp_path)
    assert summary == (1, 1, 0, TODAY)
    assert movies_of(tmp_path).loc["550"].to_dict() == {
        "title": "Film 550",
        "original_title": "Film 550",
        "original_language": "en",
        "release_date": "2000-06-15",
        "genres": '[{"id": 18, "name": "Drama"}]',
        "production_companies": '[{"id": 508, "name": "Regency"}]',
        "production_countries": '[{"iso_3166_1": "US", "name": "United States of America"}]',
        "budget": "63000000",
        "revenue": "100853753",
        "runtime": "",
        "popularity": "58.072",
        "vote_average": "8.4",
        "vote_count": "24173",
        "overview": 'Two, "three"\r\nlines',
        "certificate": "R",
        "imdb_id": "tt0000550",
        "collection_id": "86",
        "collection_name": "Films",
        "read_on": "2026-11-02",
    }
    credits = pd.read_csv(tmp_path / "credits.csv", dtype=str).iloc[0]
    assert credits["movie_id"] == "550" and credits["title"] == "Film 550"
    assert json.loads(credits["cast"]) == [
        {"id": 1, "name": "Person 1", "character": "Jack Reed", "order": 0, "popularity": 1.5}
    ]
    assert json.loads(credits["crew"]) == [
        {
            "id": 2, "name": "Person 2", "department": "Directing", "job": "Director",
            "popularity": 1.5,
        }
    ]  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == NAMES


def test_the_tables_are_a_source(service, tmdb, tmp_path):
    service.add(*(film(number) for number in range(1, 30)))
    fetched(tmdb, tmp_path)
    movies, credits, rejected = read_source(tmp_path)
    films = clean(movies).merge(credit_roles(movies, credits), on="id")
    assert len(films) == 29 and films["usable"].all() and rejected.empty
    assert films["director"].tolist() == [[2]] * 29
    assert (films["cast_popularity"] == 1.5).all()


def test_nulls_are_blank_or_left_out(service, tmdb, tmp_path):
    names = (
        "budget", "imdb_id", "original_title", "overview", "popularity", "revenue", "runtime",
        "vote_average", "vote_count", "belongs_to_collection",
    )  # fmt: skip
    nobody = person(3, name=None, character="X", order=0)
    quiet = person(4, popularity=None, character=None, order=None)
    credits = {"cast": [nobody, quiet], "crew": [person(5, job=None, department=None)]}
    service.add(film(1, **dict.fromkeys(names), credits=credits), film(2))
    service.films[1]["release_dates"] = {"results": []}
    fetched(tmdb, tmp_path)
    row = movies_of(tmp_path).loc["1"]
    assert (row[[*names[:-1], "collection_id", "collection_name", "certificate"]] == "").all()
    movies, credits, rejected = read_source(tmp_path)
    assert len(movies) == len(credits) == 2 and rejected.empty
    roles = credit_roles(movies, credits)
    assert roles["cast"].tolist() == [[4], [1]]
    assert roles["cast_popularity"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ([], None),
        ([released("DE", "16", 3)], None),
        ([released("US", "", 3)], None),
        ([released("DE", "16", 3), released("US", "PG-13", 5)], "PG-13"),
        ([released("US", "NR", 1), released("US", "R", 3), released("US", "PG", 2)], "R"),
        ([released("US", "R", 3, "2010-01-01"), released("US", "PG", 3, "2000-01-01")], "PG"),
    ],
)
def test_the_certificate_is_the_american_one_of_the_widest_release(releases, expected):
    told = AllReleases.model_validate({"results": releases})
    assert tmdb_films.american_certificate(told) == expected


def test_a_source_of_tmdbs_own_ids_is_not_searched_by_title(service, tmdb, tmp_path, monkeypatch):
    service.add(film(1))
    fetched(tmdb, tmp_path / "tmdb_api")
    monkeypatch.setattr(paths, "RAW", tmp_path)
    monkeypatch.setattr(tmdb_films, "TMDB_API", tmp_path / "tmdb_api")
    assert tmdb_media.films_of("tmdb_api").have_tmdb_ids


# --------------------------------------------------------------------------------------- lists


def test_days_are_halved_until_no_list_reaches_page_500(service, tmdb, tmp_path):
    service.per_page = 1
    start = date(2000, 1, 1)
    days = [start + timedelta(days=n % 366) for n in range(700)]
    service.days = {number: str(day) for number, day in enumerate(days, start=1)}
    ask = partial(ask_page, tmdb)
    found = list(tmdb_films.in_cinemas(ask, start, date(2000, 12, 31)))
    assert sorted(number for part in found for number in part.ids) == list(range(1, 701))
    assert [part.counted for part in found] == [len(part.ids) for part in found]
    assert found[0].first == start and found[-1].last == date(2000, 12, 31)
    for part, following in pairwise(found):
        assert following.first == part.last + timedelta(days=1)
    pages = [int(dict(parse_qsl(path))["page"]) for path in service.answered]
    assert max(pages) < 500 and set(service.answered.values()) == {1}


def test_a_day_of_too_many_films_is_named(service, tmdb):
    service.per_page = 1
    service.days = dict.fromkeys(range(500), "2000-03-01")
    ask = partial(ask_page, tmdb)
    with pytest.raises(SourceError, match=r"500 films of 2000-03-01 alone.*--region"):
        list(tmdb_films.in_cinemas(ask, FIRST, LAST))


def test_a_region_is_asked_for(service, tmdb, tmp_path):
    service.add(film(1))
    fetched(tmdb, tmp_path, region="US")
    assert any("region=US" in path for path in service.answered)


def test_a_list_that_is_shorter_than_it_says_is_told(service, tmdb, tmp_path):
    service.add(film(1), film(2))
    short = {"results": [{"id": 1}, {"id": 1}], "total_pages": 1, "total_results": 2}
    service.first["/3/discover/movie"] = [(200, json.dumps(short).encode())]
    fetched(tmdb, tmp_path)
    said = "TMDB counts 2 films and lists 1 from 2000-01-01 to 2000-12-31"
    assert skipped_of(tmp_path) == {"": said}


# ----------------------------------------------------------------------------------- next runs


def test_a_second_run_of_the_day_asks_nothing(service, tmdb, tmp_path):
    service.add(*(film(number) for number in range(1, 50)))
    first = fetched(tmdb, tmp_path)
    before = (tmp_path / "movies.csv").read_bytes()
    service.answered.clear()
    assert fetched(tmdb, tmp_path) == first._replace(asked=0)
    assert not service.answered
    assert (tmp_path / "movies.csv").read_bytes() == before


def test_the_next_run_asks_for_what_is_new_or_changed(service, tmdb, tmp_path):
    service.add(*(film(number) for number in range(1, 6)))
    fetched(tmdb, tmp_path)
    service.answered.clear()
    service.add(film(2, revenue=5), film(9), film(4, revenue=7))
    service.changes = {"2026-11-02": [4], "2026-11-05": [2, 77, 9], "2026-12-01": []}
    later = TODAY + timedelta(days=30)
    summary = fetched(tmdb, tmp_path, today=later)
    assert (summary.films, summary.asked, summary.oldest) == (6, 3, TODAY)
    asked = {path.split("?")[0] for path in service.answered} - {
        "/3/movie/changes", "/3/discover/movie",
    }  # fmt: skip
    assert asked == {"/3/movie/2", "/3/movie/4", "/3/movie/9"}
    assert service.number_asked("/3/movie/changes") == 3  # 30 days, 14 at a time
    movies = movies_of(tmp_path)
    assert movies.loc[["2", "4", "1"], "revenue"].tolist() == ["5", "7", "100853753"]
    assert movies.loc[["2", "1", "9"], "read_on"].tolist() == [str(later), str(TODAY), str(later)]
    service.answered.clear()
    assert fetched(tmdb, tmp_path, today=later + timedelta(days=1)).asked == 0


def test_many_changes_are_asked_for_in_fewer_days(service, tmdb, tmp_path):
    service.add(film(1), film(2))
    fetched(tmdb, tmp_path)
    service.per_page = 1
    service.changes = {
        str(TODAY + timedelta(days=n)): list(range(40 * n + 100, 40 * n + 140)) for n in range(13)
    }
    service.changes[str(TODAY + timedelta(days=13))] = [2]
    assert fetched(tmdb, tmp_path, today=TODAY + timedelta(days=14)).asked == 1
    assert max(int(dict(parse_qsl(path)).get("page", 0)) for path in service.answered) < 500


def test_nothing_is_kept_for_more_than_six_months(service, tmdb, tmp_path):
    service.add(film(1), film(2, "2001-05-05"), film(3))
    fetched(tmdb, tmp_path)
    later = TODAY + tmdb_films.KEPT
    assert fetched(tmdb, tmp_path, today=later).asked == 0
    service.first["/3/movie/3"] = [(500, b"")] * 20
    summary = fetched(tmdb, tmp_path, until=date(2000, 12, 31), today=later + timedelta(days=1))
    assert (summary.films, summary.asked) == (1, 2)
    assert list(skipped_of(tmp_path)) == ["3"]
    with sqlite3.connect(tmp_path / "answers.sqlite") as answers:
        assert answers.execute("SELECT id, read_on FROM films").fetchall() == [
            (1, str(later + timedelta(days=1)))
        ]


def test_a_film_that_tmdb_lost_leaves_the_tables(service, tmdb, tmp_path):
    service.add(film(1), film(2))
    fetched(tmdb, tmp_path)
    del service.films[2]
    service.changes = {"2026-11-03": [2]}
    for _ in range(2):
        summary = fetched(tmdb, tmp_path, today=TODAY + timedelta(days=2))
        assert summary.films == 1 and movies_of(tmp_path).index.tolist() == ["1"]
        assert skipped_of(tmp_path) == {"2": "TMDB has no such film (404)"}
    assert service.answered[
        "/3/movie/2?append_to_response=" + urlencode({"": tmdb_films.PARTS})[1:]
    ]
    assert summary.asked == 0  # it isn't asked for again


def test_other_days_ask_for_their_films_alone(service, tmdb, tmp_path):
    service.add(film(1), film(2, "2001-05-05"), film(3, "2003-03-03"))
    fetched(tmdb, tmp_path)
    assert fetched(tmdb, tmp_path, until=date(2003, 12, 31)).asked == 1
    assert movies_of(tmp_path).index.tolist() == ["1", "2", "3"]
    fetched(tmdb, tmp_path, since=date(2001, 1, 1))
    assert movies_of(tmp_path).index.tolist() == ["2"]


def test_two_runs_at_once_are_refused(service, tmdb, tmp_path):
    service.add(film(1))
    other = Answers(tmp_path / "answers.sqlite")
    with pytest.raises(SourceError, match=r"answers\.sqlite: .*another run"):
        fetched(tmdb, tmp_path)
    other.close()
    assert fetched(tmdb, tmp_path).films == 1


def test_a_damaged_file_is_named(tmdb, tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SourceError, match=r"answers\.sqlite is damaged .*delete it"):
        fetched(tmdb, tmp_path)


# -------------------------------------------------------------------------------------- faults

CUT_OFF = (200, b'{"id": 7, "title"', {"Content-Length": "5000"})
UNMARKED = (200, b'{"id": 7, "title"', {"Content-Length": None, "Connection": "close"})


@pytest.mark.parametrize("path", ["/3/discover/movie", "/3/movie/7"])
@pytest.mark.parametrize(
    "faults",
    [[(500, b"")], [(429, b"")], [(502, b"<html>"), (503, b""), (504, b"")], [CUT_OFF, CUT_OFF]],
    ids=["500", "429", "502, 503, 504", "cut off"],
)
def test_a_fault_that_passes_costs_nothing(service, tmdb, tmp_path, path, faults):
    service.add(film(7))
    service.first[path] = list(faults)
    assert fetched(tmdb, tmp_path)[:3] == (1, 1, 0)


def test_retry_after_is_waited_for(service, tmdb, tmp_path):
    service.add(film(7))
    service.first["/3/movie/7"] = [(429, refusal(25, "Over the limit."), {"Retry-After": "1"})]
    started = time.monotonic()
    assert fetched(tmdb, tmp_path).films == 1
    assert time.monotonic() - started >= 1


def changed_shape(**changes) -> tuple[int, bytes]:
    told = film(7) | changes
    return 200, json.dumps(
        {name: value for name, value in told.items() if value != "gone"}
    ).encode()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, b""), "TMDB answered 500 Internal Server Error"),
        ((429, b""), "TMDB answered 429 Too Many Requests"),
        ((422, refusal(20, "Invalid.")), "TMDB answered 422 Unprocessable"),
        (CUT_OFF, "broke off half way"),
        (UNMARKED, "is not TMDB (the answer: Invalid JSON"),
        ((200, b"<html>Sign in</html>"), "is not TMDB (the answer: Invalid JSON"),
        (changed_shape(credits="gone"), "is not TMDB (credits: Field required"),
        (changed_shape(release_dates="gone"), "is not TMDB (release_dates: Field required"),
        (changed_shape(revenue="gone"), "is not TMDB (revenue: Field required"),
        (changed_shape(budget={"USD": 5}), "is not TMDB (budget: Input should be"),
        (changed_shape(genres=["Drama"]), "is not TMDB (genres.0: Input should be"),
        (changed_shape(id=8), "is film 8"),
    ],
)  # fmt: skip
def test_a_fault_that_stays_skips_the_film_alone(service, tmdb, tmp_path, answer, reason):
    service.add(film(6), film(7), film(8))
    service.first["/3/movie/7"] = [answer] * 20
    summary = fetched(tmdb, tmp_path)
    assert (summary.films, summary.skipped) == (2, 1)
    assert reason in skipped_of(tmp_path)["7"]
    service.first.clear()
    assert fetched(tmdb, tmp_path)[:3] == (3, 1, 0)  # it alone is asked for again


@pytest.mark.parametrize("status", [500, 403])
def test_ten_faults_in_a_row_end_the_run_and_the_next_goes_on(service, tmdb, tmp_path, status):
    service.add(*(film(number) for number in range(1, 31)))
    for number in range(6, 31):
        service.first[f"/3/movie/{number}"] = [(status, b"")] * 20
    with pytest.raises(SourceError, match=f"10 films in a row failed.*answered {status}.*goes on"):
        fetched(tmdb, tmp_path)
    assert not (tmp_path / "movies.csv").exists()
    service.first.clear()
    assert fetched(tmdb, tmp_path).asked == 25
    assert max(service.answered.values()) == 1


def test_films_that_tmdb_lacks_never_end_the_run(service, tmdb, tmp_path):
    service.add(*(film(number) for number in range(1, 31)))
    for number in range(2, 30):
        del service.films[number]
    summary = fetched(tmdb, tmp_path)
    assert (summary.films, summary.skipped) == (2, 28)


@pytest.mark.parametrize("path", ["discover/movie", "movie/changes"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((422, refusal(20, "Invalid date range.")), "TMDB answered 422"),
        ((500, b""), "TMDB answered 500"),
        ((404, b""), "404"),
        ((200, b'{"results": [{"id": 1}], "total_pages": 1}'), "total_results: Field required"),
        ((200, b'{"results": {}, "total_pages": 1, "total_results": 0}'), "results: Input should"),
    ],
)
def test_a_list_that_fails_ends_the_run_with_its_query(
    service, tmdb, tmp_path, path, answer, reason
):
    service.add(film(1))
    fetched(tmdb, tmp_path)
    before = (tmp_path / "movies.csv").read_bytes()
    service.first[f"/3/{path}"] = [answer] * 20
    with pytest.raises(SourceError) as raised:
        fetched(tmdb, tmp_path, today=TODAY + timedelta(days=7))
    assert f"TMDB can't list films ({path}: " in str(raised.value) and reason in str(raised.value)
    assert (tmp_path / "movies.csv").read_bytes() == before


def test_no_film_at_all_is_said(service, tmdb, tmp_path):
    with pytest.raises(SourceError, match="lists no film from 2000-01-01 to 2001-12-31"):
        fetched(tmdb, tmp_path)


# ------------------------------------------------------------------------------------- command


def test_terms_come_before_the_key_and_permission_is_asked_for_once(service, tmp_path):
    service.add(film(1))
    to = tmp_path / "tmdb_api"
    words = ["tmdb_api", "--since", "2000", "--to", to, "--no-people", "--rate", 1000]
    refused = run(service, *words, key="")
    assert refused.returncode == 1
    for said in ("machine learning", "written agreement", "six months", "--i-have-permission"):
        assert said in refused.stderr
    assert "TMDB_API_KEY" not in refused.stderr and not to.exists()
    keyless = run(service, *words, "--i-have-permission", key="")
    assert keyless.returncode == 1 and "TMDB_API_KEY" in keyless.stderr
    assert "written agreement" in keyless.stdout
    assert not service.answered
    done = run(service, *words)
    assert done.returncode == 0, done.stderr
    assert str(datetime.now(UTC).date()) in (to / "permission.txt").read_text()
    for said in ("1 films in", "states to have TMDB's permission", "run this again before"):
        assert said in done.stdout
    assert tmdb_api.ATTRIBUTION in done.stdout


def test_a_wrong_key_is_said_in_one_line_and_not_shown(service, tmp_path):
    wrong = "f" * 32
    words = ["--to", tmp_path, "--i-have-permission", "--rate", 1000]
    done = run(service, "tmdb_api", *words, key=wrong)
    assert done.returncode == 1 and "refuses the key in TMDB_API_KEY" in done.stderr
    assert wrong not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--region", "USA"], "--region USA is no ISO 3166-1 code"),
        (["--since", "2001", "--until", "2000-12-31"], "--since 2001-01-01 is after"),
    ],
)
def test_what_cannot_be_asked_is_said(service, tmp_path, words, said):
    done = run(service, "tmdb_api", "--to", tmp_path, "--i-have-permission", *words)
    assert done.returncode == 1 and said in done.stderr and not service.answered


def test_no_message_or_file_holds_the_key(service, tmp_path):
    service.add(*(film(number) for number in range(1, 8)))
    service.first["/3/movie/2"] = [(503, b"")] * 20
    service.first["/3/movie/3"] = [CUT_OFF] * 20
    service.first["/3/movie/4"] = [(200, b"[]")] * 20
    service.first["/3/movie/5"] = [(429, b"")] * 20
    words = ["tmdb_api", "--to", tmp_path, "--i-have-permission", "--rate", 1000, "--backoff", 0]
    done = run(service, *words)
    assert "3 films in" in done.stdout and "4 without a row" in done.stdout
    service.first["/3/discover/movie"] = [(503, b"")] * 20
    failed = run(service, *words, "--since", "1999")
    assert failed.returncode == 1 and "can't list films" in failed.stderr
    said = [done.stdout, done.stderr, failed.stdout, failed.stderr]
    said += [path.read_bytes().decode(errors="replace") for path in tmp_path.glob("*.*")]
    assert len(said) == 9 and KEY not in "".join(said)


# ------------------------------------------------------------------------------- killed, resumed


LONG = os.environ.get("BOXOFFICE_LONG") == "1"


def wide(number: int) -> dict:
    """A film with long credits: some 20 kB, the mean of the recorded answers."""
    cast = [person(100 + (number + n) % 5000, character=f"C {n}", order=n) for n in range(20)]
    crew = [person(6000 + (number + n) % 5000, department="Art", job="Artist") for n in range(35)]
    return film(number, credits={"cast": cast, "crew": crew})


class Many(dict):
    """Films that are made when they are asked for, for they fill the memory."""

    def get(self, number: int) -> dict:
        return wide(number)


def run_alone(service: Service, to: Path, rate: int, killed_at: int | None) -> tuple[int, str, int]:
    """The command in a process of its own: its status, what it says, and its peak memory, in MB.

    It is killed as it waits for the answer to a request, of those of all runs so far.
    """

    def before(number: int) -> None:
        if number == killed_at:
            process.kill()
            process.wait()
            raise ConnectionResetError

    service.before = before
    words = ["tmdb_api", "--to", to, "--until", LAST, "--i-have-permission", "--no-people"]
    command = [sys.executable, paths.ROOT / "scripts" / "fetch.py", *words, "--rate", rate]
    said = to.with_name("said.txt")
    peak = 0
    with said.open("w") as file:
        process = subprocess.Popen(
            [*map(str, command)],
            env=os.environ | variables(service),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak, *map(int, re.findall(r"VmHWM:\s+(\d+) kB", status))])
            time.sleep(0.05)
    return process.returncode, said.read_text(), peak // 1024


def test_killed_runs_go_on_without_a_repeated_request_and_take_little_memory(service, tmp_path):
    """500 films, killed in the lists and half way; 20,000 films with BOXOFFICE_LONG=1."""
    count, rate = (20_000, 200) if LONG else (500, 1000)
    service.films = Many()
    service.days = {n: str(FIRST + timedelta(days=n % 731)) for n in range(1, count + 1)}
    started, peaks = time.monotonic(), []
    for killed_at in (2, count // 2, None):
        code, said, peak = run_alone(service, tmp_path / "to", rate, killed_at)
        assert code == (0 if killed_at is None else -signal.SIGKILL), said
        assert (tmp_path / "to" / "movies.csv").exists() == (killed_at is None)
        assert killed_at in (None, service.number_asked())
        peaks.append(peak)
    assert f"{count:,} films in" in said
    assert service.number_asked("/3/movie/") == count
    assert set(service.answered.values()) == {1}
    assert len(movies_of(tmp_path / "to")) == count
    assert 50 < max(peaks) < 300
    size = (tmp_path / "to" / "answers.sqlite").stat().st_size / 1e6
    print(
        f"{count:,} films, {service.number_asked():,} requests, "
        f"{time.monotonic() - started:.0f} s, peak {max(peaks)} MB, answers {size:.0f} MB"
    )


# -------------------------------------------------------------------------------------- people


def export(*lines: dict | bytes) -> bytes:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return gzip.compress(b"\n".join(texts) + b"\n")


def of_person(number: int, popularity: float | None) -> dict:
    return {"adult": False, "id": number, "name": f"P {number}", "popularity": popularity}


DAY = date(2026, 10, 1)
FILE = "person_ids_10_01_2026.json.gz"


def people_of(service, folder, day=DAY) -> Path:
    return tmdb_films.fetch_people(day, folder, f"{service.url}/p/exports", backoff=0)


def test_people_are_written_down_with_their_day_and_not_asked_for_again(service, tmp_path):
    service.exports[FILE] = export(of_person(5, 2.5), of_person(3, 0.6), of_person(9, None))
    path = people_of(service, tmp_path)
    assert path == tmp_path / "2026-10-01.parquet" == people_of(service, tmp_path)
    assert service.number_asked() == 1
    table = pd.read_parquet(path)
    assert table["id"].tolist() == [5, 3, 9] and table["popularity"].tolist()[:2] == [2.5, 0.6]


def test_all_people_are_written_down_batch_by_batch(service, tmp_path, monkeypatch):
    monkeypatch.setattr(tmdb_films, "PEOPLE_AT_ONCE", 100)
    service.exports[FILE] = export(*(of_person(n, 1.0) for n in range(1050)))
    assert pd.read_parquet(people_of(service, tmp_path))["id"].tolist() == list(range(1050))


def test_a_download_that_breaks_off_is_tried_again(service, tmp_path):
    body = service.exports[FILE] = export(*(of_person(n, n / 7) for n in range(5000)))
    half = body[: len(body) // 2]
    service.first[f"/p/exports/{FILE}"] = [
        (200, half, {"Content-Length": str(len(body))}),
        (200, half, {"Content-Length": None, "Connection": "close"}),
        (503, b""),
    ]
    assert len(pd.read_parquet(people_of(service, tmp_path))) == 5000


@pytest.mark.parametrize(
    ("answer", "fault", "said"),
    [
        ((404, b""), Unavailable, "no export of people of 2026-10-01: it keeps three months"),
        ((500, b""), ServiceFault, "TMDB answered 500"),
        ((200, b"<html>Sign in</html>"), ServiceFault, "is no gzip file"),
        ((200, gzip.compress(b"")), ServiceFault, "is empty"),
        ((200, export(of_person(1, 1.0), b'{"id": ')), ServiceFault, "line 2 of the export"),
        ((200, export(of_person(1, 1.0), {"id": 2})), ServiceFault, "line 2 of the export"),
        ((200, export(of_person(1, 1.0))[:-9], {"Content-Length": "900"}), ServiceFault, "half"),
    ],
)
def test_an_export_that_cannot_be_had_leaves_no_file(service, tmp_path, answer, fault, said):
    service.first[f"/p/exports/{FILE}"] = [answer] * 20
    with pytest.raises(fault, match=said):
        people_of(service, tmp_path / "people")
    assert not list(tmp_path.glob("people/*"))


def test_the_latest_people_are_those_of_yesterday_before_today_is_there(service, tmp_path):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    service.exports[f"person_ids_{yesterday:%m_%d_%Y}.json.gz"] = export(of_person(1, 1.0))
    refused = run(service, "people", "--to", tmp_path)
    assert refused.returncode == 1 and "written agreement" in refused.stderr
    done = run(service, "people", "--to", tmp_path, "--i-have-permission", key="")
    assert done.returncode == 0 and f"people/{yesterday}.parquet" in done.stdout
    missing = run(service, "people", "--to", tmp_path, "--day", "2026-01-01")
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: TMDB has no export of people of 2026-01-01")


def test_fetching_films_writes_people_down_too(service, tmp_path):
    service.add(film(1))
    today = datetime.now(UTC).date()
    service.exports[f"person_ids_{today:%m_%d_%Y}.json.gz"] = export(of_person(1, 1.0))
    done = run(service, "tmdb_api", "--to", tmp_path, "--i-have-permission", "--rate", 1000)
    assert done.returncode == 0 and (tmp_path / "people" / f"{today}.parquet").exists()


# ---------------------------------------------------------------------------------- weekly job


def test_films_to_come_have_no_revenue_and_no_votes(service, tmdb, caplog):
    service.add(film(3, "2027-01-05"), film(2, "2027-02-01", runtime=0), film(4, "2027-06-01"))
    service.add(film(5, "2027-01-06"))
    del service.films[5]
    films = tmdb_films.coming(tmdb, date(2027, 1, 1), date(2027, 3, 1))
    assert list(films) == list(tmdb_films.COMING)
    assert films["id"].tolist() == ["2", "3"] and films["budget"].tolist() == ["63000000"] * 2
    assert json.loads(films["cast"][0])[0]["name"] == "Person 1"
    assert not [name for name in films if any(w in name for w in ("vote", "revenue", "popul"))]
    assert "popularity" not in films["cast"][0] + films["crew"][0]
    assert films.map(lambda cell: isinstance(cell, str)).all().all()
    assert "film 5 is left out: TMDB has no such film (404)" in caplog.text
    films = tmdb_films.coming(tmdb, date(2027, 1, 5), date(2027, 1, 5))
    assert len(films) == 1


def test_no_film_to_come_is_an_empty_table(service, tmdb):
    films = tmdb_films.coming(tmdb, date(2027, 1, 1), date(2027, 3, 1))
    assert films.shape == (0, len(tmdb_films.COMING))


def test_revenues_are_those_of_now(service, tmdb, caplog):
    service.add(film(1), film(2, revenue=0), film(3, revenue=None), film(5))
    service.first["/3/movie/5"] = [(500, b"")] * 20
    table = tmdb_films.revenues(tmdb, ["1", "2", "3", "4", "5"])
    assert table.to_dict("list") == {"id": ["1", "2", "3"], "revenue": [100853753.0, 0.0, 0.0]}
    assert "film 4 is left out" in caplog.text and "film 5 is left out" in caplog.text
    assert KEY not in caplog.text
