"""The weekly job with a server that answers like TMDB."""

import gzip
import json
import shutil
from datetime import UTC, date, datetime

import commands
import pandas as pd
import pytest
from tmdb_server import KEY, film, person, serving_tmdb

import weekly
from boxoffice.core.files import SourceError
from boxoffice.live.feeds import OnTmdb
from boxoffice.live.forecast_log import read_log
from boxoffice.live.store import Store
from boxoffice.live.versions import version_of
from boxoffice.sources.tmdb_api import Key, Tmdb
from boxoffice.sources.tmdb_films import PERMISSION, TMDB_API

TODAY, NEXT, LATER = date(2027, 1, 4), date(2027, 1, 11), date(2027, 3, 8)


@pytest.fixture
def service():
    with serving_tmdb() as server:
        yield server


@pytest.fixture
def run(service, models, tmp_path):
    """A function that runs the job on a day, and returns the log."""
    (tmp_path / "log").mkdir()

    def run(day):
        with Tmdb(Key(KEY), f"{service.url}/3", rate=1000, backoff=0) as tmdb:
            outputs = (tmp_path / "store", tmp_path / "log", tmp_path / "weekly.html")
            feed = OnTmdb(tmdb, tmp_path / "people", f"{service.url}/p/exports")
            weekly.run(feed, weekly.LIVE, [day], 8, {"champion": models}, *outputs)
        return read_log(tmp_path / "log" / "forecasts.csv")

    return run


def coming(number, day, **others):
    return film(number, day, status="Post Production", revenue=0, vote_count=0) | others


def test_a_film_from_announcement_to_score(run, service, tmp_path, models):
    service.add(
        coming(1, "2027-01-29", title="One & <only>"),
        coming(2, "2027-02-05", budget=0, title="Secretive"),
        coming(3, "2027-06-01"),
    )
    log = run(TODAY)
    assert log["film_id"].tolist() == ["1"]
    line = log.iloc[0]
    assert (line["as_of"], line["version"]) == (pd.Timestamp(TODAY), version_of(models))
    assert line["revenue_lower"] < line["predicted_revenue"] < line["revenue_upper"]
    page = (tmp_path / "weekly.html").read_text()
    assert "One &amp; &lt;only&gt;" in page and "Secretive: budget" in page

    # Votes, popularity and the synopsis are no facts that a forecast reads.
    service.films[1] |= {"overview": "Another story.", "popularity": 99.0, "vote_count": 12}
    service.films[1]["credits"]["cast"] = [person(1, popularity=70.0, character="Jack", order=0)]
    before = (tmp_path / "log" / "forecasts.csv").read_bytes()
    service.films[1]["credits"]["cast"][0]["character"] = "Jack Reed"
    service.films[1]["credits"]["cast"][0]["cast_id"] = 4
    assert len(run(NEXT)) == 1
    service.films[1]["budget"] = 150_000_000
    assert run(NEXT)["budget"].tolist() == [63_000_000, 150_000_000]
    assert (tmp_path / "log" / "forecasts.csv").read_bytes().startswith(before)

    service.films[1] |= {"revenue": 80_000_000}
    run(date(2027, 2, 22))
    service.films[1] |= {"revenue": 90_000_000}
    log = run(LATER)
    assert len(log) == 2
    page = (tmp_path / "weekly.html").read_text()
    came = page.split("What came")[1]
    assert "One &amp; &lt;only&gt;" in came and "$80 million" in came  # known 30 days after release
    revenues = Store(tmp_path / "store").latest("revenues")
    assert revenues["revenue"].tolist() == [90_000_000]


def test_a_release_that_moves_is_followed(run, service, tmp_path):
    service.add(coming(1, "2027-01-08"))
    run(TODAY)
    service.add(coming(1, "2027-02-19"))
    log = run(NEXT)
    assert [f"{day:%m-%d}" for day in log["release_date"]] == ["01-08", "02-19"]
    service.films[1] |= {"revenue": 80_000_000}
    run(LATER)
    assert "too early" not in (tmp_path / "weekly.html").read_text()
    scores = (tmp_path / "weekly.json").read_text()
    assert '"d30"' not in scores  # 30 days from the day that it came out are not over


def test_the_forecast_of_the_last_facts_stands(run, service):
    """A slip that is put right leaves the forecast from the right facts as the last one."""
    service.add(coming(1, "2027-02-19", budget=20_000_000))
    for day, budget in (
        (TODAY, 20_000_000),
        (NEXT, 2_000_000_000),
        (date(2027, 1, 18), 20_000_000),
    ):
        service.films[1]["budget"] = budget
        log = run(day)
    first, slip, last = log["predicted_revenue"]
    assert first == last != slip


def test_a_film_that_is_out_is_no_longer_forecast(run, service, tmp_path):
    """One that moved forward and came out stays as it was, though its old date is to come."""
    service.add(coming(1, "2027-02-19"), coming(2, "2027-02-20"))
    run(TODAY)
    service.add(coming(1, "2027-01-08"))  # out by now
    service.films[2]["budget"] = 90_000_000
    log = run(NEXT)
    assert log["film_id"].tolist() == ["1", "2", "2"]


def test_first_runs_with_nothing_to_forecast(run, service, tmp_path):
    assert run(TODAY).empty  # no film is coming
    service.add(coming(1, "2027-01-29", budget=0, title="Ca$h for Ca$h"))
    assert run(TODAY).empty
    assert "Ca$h for Ca$h: budget" in (tmp_path / "weekly.html").read_text()
    service.films[1]["budget"] = 63_000_000
    assert len(run(TODAY)) == 1  # drawn, too


def test_popularity_of_the_films_people_is_stored(run, service, tmp_path):
    lines = [{"adult": False, "id": n, "name": "A", "popularity": n / 2} for n in (1, 2, 3)]
    content = gzip.compress("\n".join(map(json.dumps, lines)).encode())
    today = datetime.now(UTC)
    service.exports[f"person_ids_{today:%m_%d_%Y}.json.gz"] = content
    service.add(coming(1, "2027-01-29"))
    run(TODAY)
    people = Store(tmp_path / "store").latest("people")
    assert dict(zip(people["person_id"], people["popularity"], strict=True)) == {"1": 0.5, "2": 1.0}


def test_a_log_without_its_facts_is_no_beginning(run, service, tmp_path):
    service.add(coming(1, "2027-01-29"))
    run(TODAY)
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(SourceError, match=r"dvc pull data/store\.dvc"):
        run(NEXT)


def test_a_film_that_fails_is_left_out_and_comes_next_time(run, service):
    service.add(coming(1, "2027-01-29"), coming(2, "2027-01-30"))
    service.first["/3/movie/2"] = [(500, b"")] * 20
    assert run(TODAY)["film_id"].tolist() == ["1"]
    service.first.clear()
    assert run(TODAY)["film_id"].tolist() == ["1", "2"]


def test_nothing_is_asked_without_permission(service, tmp_path):
    if (TMDB_API / PERMISSION).exists():
        pytest.skip("permission was stated here")
    outputs = ["--store", tmp_path / "store", "--log", tmp_path / "log"]
    done = commands.run(
        "weekly.py", *outputs, TMDB_API_KEY=KEY, TMDB_API_ADDRESS=f"{service.url}/3"
    )
    assert done.returncode == 1
    assert "written agreement" in done.stderr and "--i-have-permission" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert not service.answered and not (tmp_path / "store").exists()
