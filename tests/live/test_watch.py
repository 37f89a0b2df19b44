"""The command and its page: from any table, or from the forecast log and the facts of its days."""

import base64
import re
import shutil
from datetime import date

import numpy as np
import pandas as pd
import pytest
from commands import run
from playwright.sync_api import sync_playwright
from ruamel.yaml import YAML

from boxoffice.core import paths
from boxoffice.films.companies import companies_of
from boxoffice.films.money import log_prices
from boxoffice.forecasts.forecasts import FORECASTS, Forecasts
from boxoffice.live.drift import NOT_WATCHED
from boxoffice.live.forecast_log import AMOUNTS
from boxoffice.live.watch_page import mean_in_words, name_in_words

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def source(workspace):
    return YAML(typ="safe").load((workspace / "params.yaml").read_text())["data"]["source"]


@pytest.fixture(scope="module")
def films(workspace, source):
    """The source's films with their credits, as text, by day of release."""
    movies, credits = (
        pd.read_csv(workspace / "data" / "raw" / source / name, dtype=str, keep_default_na=False)
        for name in ("movies.csv", "credits.csv")
    )
    credits = credits[["movie_id", "cast", "crew"]].rename(columns={"movie_id": "id"})
    table = movies.merge(credits, on="id").assign(companies_of=companies_of(source))
    return table.sort_values("release_date", kind="stable").reset_index(drop=True)


def watch(models, films, folder, *more):
    path = folder / "films.csv"
    films.to_csv(path, index=False)
    out = folder / "watch.html"
    done = run("watch.py", "--films", path, "--models", models, "-o", out, *more)
    return done, out.read_text(encoding="utf-8") if out.exists() else None


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture(scope="module")
def watched(models, films, tmp_path_factory):
    """Films whose budgets are ten times what they were, from the middle on."""
    late = films.iloc[-320:].copy()
    late.iloc[120:, late.columns.get_loc("budget")] += "0"
    folder = tmp_path_factory.mktemp("watch")
    done, page = watch(models, late, folder)
    assert done.returncode == 0, done.stderr
    return done, page, folder / "watch.html"


def test_what_drifted_how_far_and_since_when(watched):
    done, page, _ = watched
    said = done.stdout.splitlines()[0]
    found = re.search(r"budget[^;]* (\d\.\d\d) standard deviations higher", said)
    assert found, said
    assert float(found[1]) > 1
    assert "Among the latest 200 films" in said
    assert "the forecast of revenue" in said
    assert re.sub(r"\s+", " ", said) in text_of(page).replace("&#39;", "'")


def test_the_page_names_every_feature(watched, models):
    _, page, _ = watched
    own = Forecasts(models).models["pre_release"]
    for feature in {*own.features, *FORECASTS} - set(NOT_WATCHED):
        assert f"<code>{feature}</code>" in page
        assert name_in_words(feature) != feature
    rows = re.findall(r"<tr[ >].*?</tr>", page, re.DOTALL)
    (budget,) = [row for row in rows if "<code>log_budget</code>" in row]
    assert 'class="drifted"' in budget
    assert f"{own.revenue.card['trained_until']}" in page


def test_the_page_loads_nothing_and_its_pictures_are_pictures(watched):
    _, page, _ = watched
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) > 3
    for source in sources:
        kind, _, content = source.partition(";base64,")
        assert kind == "data:image/svg+xml"
        assert b"</svg>" in base64.b64decode(content)
    assert not re.search(r"(?:href|src)=.(?!data:)", page)
    assert not re.search(r"@import|<script|url\(", page)
    assert page.count("<img") == page.count("alt=")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_the_page_fits_desktop_and_phone(watched):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1280, 390, 320):
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.goto(watched[2].as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 100)")
            wide = page.evaluate("document.querySelector('.table').scrollWidth")
            if width == 1280:  # the whole table is in view
                assert wide <= page.evaluate("document.querySelector('.table').clientWidth")
        browser.close()


def test_films_of_the_same_kind_and_few_films(models, films, tmp_path):
    done, page = watch(models, films.sample(43, random_state=0), tmp_path)
    assert done.stdout.startswith("No verdict: 43 films, 100 needed.\n")
    assert "No verdict: 43 films, 100 needed." in page
    done, page = watch(models, films.sample(150, random_state=0), tmp_path)
    assert done.stdout.startswith("No drift: the latest 150 films")
    assert "No drift: the latest 150 films" in page


def test_films_without_a_day_of_their_own(models, films, tmp_path):
    """Sources that know the year alone date films on its first day."""
    some = films.iloc[-350:].assign(release_date="2010-01-01")
    some["budget"] += "0"
    done, page = watch(models, some, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Distances" in page


def test_rows_that_cannot_be_read_are_set_aside_and_told(models, films, tmp_path):
    some = films.iloc[:20].copy()
    some.loc[3, "budget"] = "<b>much</b>"
    done, page = watch(models, some, tmp_path)
    assert "19 films, 1 rows set aside" in done.stdout
    assert "row 4: budget: &lt;b&gt;much&lt;/b&gt; is not" in page
    some["budget"] = "0"
    done, _ = watch(models, some, tmp_path)
    assert done.returncode == 1
    assert "no film of films.csv can be watched: row 1: budget" in done.stderr
    done, _ = watch(models, some.iloc[:0], tmp_path)
    assert "no film of films.csv can be watched: it has none" in done.stderr


def test_only_films_from_a_day_on(models, films, tmp_path):
    day = films["release_date"].iloc[-30]
    done, _ = watch(models, films, tmp_path, "--since", day)
    assert f": {(films['release_date'] >= day).sum()} films" in done.stdout
    done, _ = watch(models, films, tmp_path, "--since", "soon")
    assert done.stderr == "error: --since is soon: state a day as 2024-12-31\n"
    done, _ = watch(models, films, tmp_path, "--since", "2099-01-01")
    assert "no film of films.csv can be watched: none is as late" in done.stderr


def test_what_cannot_be_watched_is_told_in_a_line(models, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "LOG", tmp_path / "log")
    alone = run("watch.py", "--models", models)
    assert "log has no forecasts yet: run `make weekly`" in alone.stderr
    for name in ("one", "two"):
        (tmp_path / "log" / name).mkdir(parents=True)
        (tmp_path / "log" / name / "forecasts.csv").write_text("film_id,as_of\n")
    both = run("watch.py", "--models", models)
    assert "log has forecasts of one, two: name one of them" in both.stderr
    other = run("watch.py", "three", "--models", models)
    assert "forecasts.csv has no forecasts yet" in other.stderr
    empty = run("watch.py", "one", "--models", models)
    assert "is no forecast log" in empty.stderr
    text = run("watch.py", "--films", tmp_path / "films.txt", "--models", models)
    assert "films.txt must end in .csv or .parquet" in text.stderr
    for done in (alone, both, other, empty, text):
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1


# The log


def test_the_log_is_watched_with_the_facts_of_its_days(models, films, tmp_path, monkeypatch):
    """Forecasts are those that were written down, features are of what was known that day."""
    store = pytest.importorskip("boxoffice.live.store", reason="there is no store yet").Store
    monkeypatch.setattr(paths, "LOG", tmp_path / "log")
    monkeypatch.setattr(paths, "STORE", tmp_path / "store")
    asked = films.iloc[-150:].drop(columns=["revenue", "companies_of"])
    asked = asked.map(lambda cell: cell or None)
    store(tmp_path / "store" / "tmdb").write("films", asked, date(2024, 1, 1))
    later = asked.assign(budget=asked["budget"] + "00")  # known too late for any forecast
    store(tmp_path / "store" / "tmdb").write("films", later, date(2024, 3, 1))
    log = pd.DataFrame(
        {
            "film_id": asked["id"],
            "title": asked["title"],
            "release_date": asked["release_date"],
            "budget": 1e6,
            "as_of": "2024-02-01",
            "role": "champion",
            "version": "v1.0.0",
            "model": "revenue_pre_release",
            "facts": "a",
            **dict.fromkeys(AMOUNTS, 1e6),
            "probability_success": 0.5,
        }
    )
    earlier = log.assign(as_of="2024-01-08", predicted_revenue=5e9)
    challenger = log.assign(role="challenger", predicted_revenue=7e9, as_of="2024-02-08")
    unknown = log.iloc[:1].assign(film_id="no such film")
    (tmp_path / "log" / "tmdb").mkdir(parents=True)
    pd.concat([log, earlier, challenger, unknown]).to_csv(
        tmp_path / "log" / "tmdb" / "forecasts.csv", index=False
    )
    done = run("watch.py", "--models", models, "-o", tmp_path / "watch.html")
    assert done.returncode == 0, done.stderr
    assert "150 films, 1 rows set aside" in done.stdout
    page = (tmp_path / "watch.html").read_text()
    assert "film no such film: budget is missing" in page
    rows = re.findall(r"<tr[ >].*?</tr>", page, re.DOTALL)
    cells = {
        re.search("<code>(.*?)</code>", row)[1]: re.findall("<td>(.*?)</td>", row)
        for row in rows
        if "<code>" in row
    }
    prices = log_prices(asked["release_date"].to_numpy("datetime64[D]"))
    budget = (np.log1p(asked["budget"].astype(float)) - prices).mean()
    now = {"log_budget": budget, FORECASTS[0]: np.log(1e6) - prices.mean(), FORECASTS[1]: 0.5}
    for name, mean in now.items():
        assert cells[name][1] == mean_in_words(name, mean)
