"""The web page, in a real browser: what people see, by mouse, by keyboard and on a phone."""

import asyncio
import hashlib
import io
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from serving import PATIENCE, Server, eventually, get, post
from starlette.datastructures import UploadFile

from app.main import create_app
from app.page import jobs as jobs_module
from app.page.film import (
    COMPANIES_LABELS,
    EXAMPLES,
    FilmAnswers,
    defaults,
    example,
    form_faults,
    next_summer,
    stated_film,
)
from app.page.page import STATIC
from app.page.pictures import LEAST, MOST, Scale
from app.page.words import effect_on_chance, effect_on_revenue, in_ten, money, percent, size
from app.settings import Settings
from app.temporary import PREFIX
from boxoffice.forecasts.request import faults
from boxoffice.forecasts.tables import Summary, score_file

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SIZES = [(1280, 900), (1920, 1080), (1024, 768), (768, 1024), (390, 844), (320, 640)]
EXAMPLE_TABLE = STATIC / "example_films.csv"
MOST_BYTES = 100_000  # of the first view, with all that it loads
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
expect.set_options(timeout=PATIENCE * 1000)  # ms


# A real server, a real browser


@contextmanager
def serving(app):
    """The address of a server of this app."""
    config = uvicorn.Config(app, port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


LOOKED_UP = []  # hosts that this process has asked for


def _note(event, arguments):
    if event == "socket.getaddrinfo":
        LOOKED_UP.append(arguments[0])
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        LOOKED_UP.append(arguments[1][0])


@pytest.fixture(scope="module")
def app(models):
    sys.addaudithook(_note)
    return create_app(Settings(models=models, timeout=PATIENCE, patience=PATIENCE))


@pytest.fixture(scope="module")
def address(app):
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser, address, part="", **context):
    """The page, which must ask nothing of any other host, and report no error.

    What its content security policy forbids would be reported as an error.
    """
    with browser.new_context(**({"viewport": DESK} | context)) as visit:
        page = visit.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        elsewhere, errors = [], []
        page.on("request", lambda r: elsewhere.append(r.url) if not local(r.url, address) else None)
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/ui{part}")
        yield page
        assert elsewhere == []
        assert [text for text in errors if "responded with a status of 4" not in text] == []


def local(url, address):
    return url.startswith((f"{address}/", f"blob:{address}/"))


@pytest.fixture
def page(browser, address):
    with opened(browser, address) as page:
        yield page


@pytest.fixture
def phone(browser, address):
    with opened(browser, address, viewport=PHONE, is_mobile=True, has_touch=True) as page:
        yield page


def ask(page):
    page.get_by_role("button", name="Forecast", exact=True).click()


def try_example(page, number):
    page.get_by_role("button", name=EXAMPLES[number]["title"]).click()


def answer(page):
    """What was answered, once it stands there."""
    found = page.locator("article:has(#answer)")
    found.wait_for()
    return found


def choose(page, file):
    page.locator("input[type=file]").set_input_files(file)


def score(page, file):
    choose(page, file)
    page.get_by_role("button", name="Forecast all films").click()


# One film


@needs_browser
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_takes_one_click_and_says_what_the_api_says(page, app, number):
    film = EXAMPLES[number]
    try_example(page, number)
    shown = answer(page)
    forecasts = app.state.forecasts
    stated = stated_film(example(number, date.today()), forecasts.companies_of)
    revenue, success = forecasts.revenue(stated), forecasts.success(stated)
    expect(page.get_by_label("Title")).to_have_value(film["title"])
    expect(shown.locator(".figure")).to_have_text(money(revenue["predicted_revenue"]))
    expect(shown.locator(".between")).to_contain_text(money(revenue["interval"]["lower"]))
    expect(shown.locator(".between")).to_contain_text(money(revenue["interval"]["upper"]))
    chance = percent(success["probability_success"])
    expect(shown).to_contain_text(f"{chance} chance of earning more than 1.5 times its budget")
    expect(shown.get_by_role("meter")).to_have_attribute("aria-valuetext", chance)
    bars = shown.get_by_role("list", name="What moved the forecast of revenue")
    for driver in revenue["drivers"]:
        expect(bars).to_contain_text(driver["value"])
        expect(bars).to_contain_text(effect_on_revenue(driver["effect"]))
    expect(shown.get_by_role("img")).to_have_count(1)
    expect(shown.locator(".limits")).to_contain_text("no cause and effect")


@needs_browser
def test_an_example_says_whether_the_models_learned_from_it(page, app):
    known = app.state.forecasts.known_films
    for number, film in enumerate(EXAMPLES):
        seen = ((known["title"] == film["title"]) & (known["release_year"] == year(film))).any()
        button = page.get_by_role("button", name=film["title"])
        expect(button).to_contain_text("learned from" if seen else "new to the models")
        try_example(page, number)
        truth = answer(page).filter(has_text=film["title"]).locator(".truth")
        expect(truth).to_contain_text("learned from this" if seen else "never seen this film")


def year(film):
    return int(film["release_date"][:4])


@needs_browser
def test_a_film_of_ones_own_is_answered_before_and_after_release(page, address):
    page.get_by_label("Title").fill("The Long Night")
    page.get_by_label("Budget").fill("12.5")
    page.get_by_label("Runtime").fill("101")
    page.get_by_label("Release date").fill("2005")
    page.get_by_label("Comedy").uncheck()
    ask(page)
    shown = answer(page)
    expect(shown.locator(".about")).to_have_text(
        "The Long Night, 2005, $12.5 million budget · before release"
    )
    expect(page.get_by_label("Budget")).to_have_value("12.5")
    expect(page.get_by_label("Comedy")).not_to_be_checked()
    page.get_by_text("After release").click()
    page.get_by_label("Average vote").fill("7.5")
    page.get_by_label("Number of votes").fill("20000")
    ask(page)
    expect(shown.locator(".about")).to_contain_text("after release, with votes")
    classic = {
        "budget": 12_500_000,
        "runtime": 101,
        "release_year": 2005,
        "vote_avg": 7.5,
        "vote_count": 20_000,
    }
    expect(page.get_by_label("Voted at")).to_have_value("tmdb")
    answered = post(f"{address}/predict/revenue", json=classic).json()
    expect(shown.locator(".figure")).to_have_text(money(answered["predicted_revenue"]))


@needs_browser
def test_a_wrong_value_is_named_beside_its_field_and_in_its_unit(page):
    page.get_by_label("Budget").fill("20000")
    page.get_by_label("Runtime").fill("-5")
    page.get_by_label("Release date").fill("soon")
    ask(page)
    shown = answer(page)
    expect(shown).to_contain_text(
        "Budget, $ million: 20000 is not a number above 0, at most 10,000 ($ million)"
    )
    expect(shown).to_contain_text("-5 is not a number from 0 to 2,000 (minutes)")
    expect(shown).to_contain_text("'soon' is not a date YYYY-MM-DD between 1888")
    expect(page.get_by_label("Budget")).to_have_value("20000")
    budget = page.get_by_label("Budget")
    expect(budget).to_have_accessible_description(re.compile("20000 is not a number above 0"))
    assert budget.get_attribute("aria-invalid") == "true"
    shown.get_by_role("link", name="Runtime").click()
    expect(page.get_by_label("Runtime")).to_be_focused()
    try_example(page, 0)
    expect(page.locator(".figure")).to_be_visible()
    assert page.locator("[aria-invalid]").count() == 0


@pytest.mark.parametrize(
    "budget", ["", "abc", "nan", "1e400", "1e300", "9" * 400, "-1", "٣", "1_0"]
)
def test_a_form_of_any_content_gets_an_answer(address, budget):
    form = {"budget": budget, "release_date": "2030", "genres": ["Drama", "\0", "x" * 600]}
    answered = post(f"{address}/ui", data=form)
    assert answered.status_code in (200, 422)
    assert 'id="answer"' in answered.text


@needs_browser
def test_what_somebody_types_is_text_and_no_markup(page):
    page.get_by_label("Title").fill("<img src=x onerror=alert(1)>")
    page.get_by_label("Director").fill('"><script>alert(1)</script>')
    ask(page)
    expect(answer(page).locator(".about")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator(".result img").count() == 0
    expect(page.get_by_label("Director")).to_have_value('"><script>alert(1)</script>')


@needs_browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_answer_is_in_view_and_read_out(browser, address, width, height, scripts):
    """Focus is on the heading with the figure, so a screen reader says it."""
    view = {"viewport": {"width": width, "height": height}, "java_script_enabled": scripts}
    with opened(browser, address, **view) as page:
        assert page.evaluate(OVERFLOW) == 0
        page.evaluate("window.mark = 'the same document'")
        ask(page)
        answer(page)
        expect(page.locator("#answer")).to_be_focused()
        expect(page.locator("#answer")).to_contain_text(re.compile(r"revenue \$[\d.]+ million"))
        expect(page.locator(".figure")).to_be_in_viewport(ratio=1)
        assert page.evaluate(OVERFLOW) == 0
        assert page.evaluate("window.mark === 'the same document'") == scripts


OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


@needs_browser
def test_a_service_that_is_gone_is_told(browser, address):
    with browser.new_context() as visit:
        page = visit.new_page()
        page.goto(f"{address}/ui")
        page.route("**/ui*", lambda route: route.abort())
        ask(page)
        expect(page.get_by_role("alert")).to_have_text(re.compile("can’t be reached"))


# Many films


@needs_browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_csv_comes_back_with_forecasts_and_its_bad_row_named(
    browser, address, app, tmp_path, scripts
):
    with opened(browser, address, java_script_enabled=scripts) as page:
        page.get_by_role("link", name="Many films").click()
        with page.expect_download() as example_csv:
            page.get_by_role("link", name="Download an example CSV").click()
        table = tmp_path / "films.csv"
        example_csv.value.save_as(table)
        assert table.read_bytes() == EXAMPLE_TABLE.read_bytes()
        score(page, table)
        shown = answer(page)
        expect(page.locator("#answer")).to_be_focused()
        expect(shown).to_contain_text("4 of 5 films have a forecast")
        expect(shown).to_contain_text(
            "Row 5, A film without a budget: budget: 0 is not a number above 0"
        )
        expect(shown.get_by_role("rowheader")).to_have_text(
            ["Juno", "The Dark Knight", "Slumdog Millionaire", "WALL-E"]
        )
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the forecasts").click()
        assert download.value.suggested_filename == "films-forecasts.csv"
        assert Path(download.value.path()).read_bytes() == scored(app, table)


def scored(app, table):
    kind, out = table.suffix[1:], io.BytesIO()
    score_file(app.state.forecasts, table, kind, out, kind)
    return out.getvalue()


def test_forecasts_that_need_care_are_counted(address):
    rows = "".join(f"{budget},2027-06-18,90\n" for budget in (3e7, 300, 4e7))
    job = finished(address, send(address, f"budget,release_date,runtime\n{rows}".encode()))
    assert "3 forecasts need care" in get(job).text  # all come long after the known films
    rows = "30000000,2005-06-18,90\n300,2005-06-18,90\n"
    job = finished(address, send(address, f"budget,release_date,runtime\n{rows}".encode()))
    assert "1 forecast needs care" in get(job).text
    assert "below $10,000" in get(f"{job}/forecasts").text


def test_a_parquet_file_comes_back_as_one(address, app, tmp_path):
    table = tmp_path / "films.parquet"
    pd.read_csv(EXAMPLE_TABLE).drop(columns="title").to_parquet(table)
    job = finished(address, send(address, table.read_bytes(), "films.parquet"))
    assert "4 of 5 films have a forecast" in get(job).text
    download = get(f"{job}/forecasts")
    assert download.content == scored(app, table)
    assert download.headers["content-disposition"] == (
        'attachment; filename="films-forecasts.parquet"'
    )


def send(address, content, name="films.csv", client=httpx):
    """Upload a table as a browser would."""
    return client.post(f"{address}/ui/films", files={"file": (name, content)}, timeout=PATIENCE)


def finished(address, answered):
    """The address of a job, once it has ended."""
    assert answered.status_code == 303, answered.text
    job = address + answered.headers["location"]
    assert eventually(lambda: "being scored" not in get(job).text)
    return job


@pytest.fixture(scope="module")
def long_table():
    """A table that takes seconds."""
    films = pd.read_csv(EXAMPLE_TABLE, dtype=str, keep_default_na=False)
    return pd.concat([films] * 8_000).to_csv(index=False).encode()


@needs_browser
def test_the_page_of_a_table_becomes_that_of_its_forecasts(browser, address, long_table):
    with opened(browser, address, "/films") as page:
        score(page, {"name": "long.csv", "mimeType": "text/csv", "buffer": long_table})
        expect(page.get_by_role("heading", name="being scored")).to_be_visible()
        page.evaluate("window.mark = 'the same document'")
        expect(page.locator("#answer")).to_have_text("32,000 of 40,000 films have a forecast")
        expect(page.locator("#answer")).to_be_focused()
        assert page.evaluate("window.mark") == "the same document"


def test_the_page_of_a_table_says_how_far_it_is(address, long_table):
    job = address + send(address, long_table).headers["location"]
    seen = []
    while so_far := re.search(r"([\d,]+) films so far", get(job).text):
        seen.append(int(so_far[1].replace(",", "")))
    assert seen == sorted(seen)
    assert len({rows for rows in seen if 0 < rows < 40_000}) >= 2


def test_a_client_has_one_table_at_a_time_and_others_have_theirs(address, long_table):
    first = send(address, long_table)
    second = send(address, EXAMPLE_TABLE.read_bytes())
    assert second.status_code == 429
    assert int(second.headers["retry-after"]) > 0
    assert "another table from your address is being scored" in second.text
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as other:
        assert send(address, EXAMPLE_TABLE.read_bytes(), client=other).status_code == 303
    finished(address, first)
    finished(address, send(address, EXAMPLE_TABLE.read_bytes()))


def test_no_more_tables_than_the_setting_are_scored_at_the_same_time(models, long_table):
    with serving(create_app(Settings(models=models, tables=1))) as address:
        send(address, long_table)
        with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as other:
            refused = send(address, EXAMPLE_TABLE.read_bytes(), client=other)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", b"", "empty"),
        ("other.csv", b"a,b\n1,2\n", "the table lacks the columns budget, release_date"),
        ("broken.parquet", b"PAR1 nothing more", "not a readable Parquet file"),
    ],
)
def test_a_table_that_can_not_be_scored_says_why(address, app, name, content, reason):
    job = finished(address, send(address, content, name))
    shown = get(job).text
    assert reason in shown
    assert str(app.state.temporary) not in shown
    assert get(f"{job}/forecasts").status_code == 404


@pytest.mark.parametrize("name", ["films.xlsx", "csv.", "films", ".."])
def test_a_file_of_another_kind_is_refused(address, name):
    refused = send(address, b"budget,release_date\n", name)
    assert refused.status_code == 422
    assert "Only .csv and .parquet files are read." in refused.text


def test_a_table_is_found_by_its_id_alone(address):
    job = finished(address, send(address, EXAMPLE_TABLE.read_bytes()))
    assert re.fullmatch(r"[\w-]{22}", job.rpartition("/")[2])
    for id in ("", "x", "%2e%2e", "..%2f..", job.rpartition("/")[2][:-1]):
        gone = httpx.get(f"{address}/ui/films/{id}/forecasts")
        assert gone.status_code == 404
        assert "root:" not in gone.text
    assert "deleted after an hour" in get(f"{address}/ui/films/x").text


def test_the_files_of_a_table_are_deleted_in_time(models, monkeypatch):
    monkeypatch.setattr(jobs_module, "HOUR", 1.0)
    app = create_app(Settings(models=models))
    with serving(app) as address:
        job = finished(address, send(address, EXAMPLE_TABLE.read_bytes()))
        assert [path.name for path in files_of(app)] == ["forecasts.csv"]
        assert eventually(lambda: not files_of(app))
        assert get(job).status_code == 404


def test_only_so_many_tables_are_kept(models, monkeypatch):
    monkeypatch.setattr(jobs_module, "MOST_KEPT", 2)
    app = create_app(Settings(models=models))
    with serving(app) as address:
        jobs = [finished(address, send(address, EXAMPLE_TABLE.read_bytes())) for _ in range(4)]
        assert [get(job).status_code for job in jobs] == [404, 404, 200, 200]
        assert len(files_of(app)) == 2


def test_a_table_that_took_long_is_not_the_first_to_go(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs_module, "MOST_KEPT", 2)

    async def ended():
        others = asyncio.Event()

        async def score(job):
            job.scored.touch()
            if job.client == "slow":
                await others.wait()
            return Summary()

        jobs = jobs_module.Jobs(score, 9, 1000)
        begun = [
            await jobs.start(
                UploadFile(io.BytesIO(b"x"), filename="a.csv"), "csv", client, tmp_path
            )
            for client in ("slow", "b", "c", "d")
        ]
        while any(job.running for job in begun[1:]):
            await asyncio.sleep(0)
        others.set()
        while begun[0].running:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [job.client for job in begun if jobs.find(job.id)]

    with ThreadPoolExecutor(1) as pool:  # the browser's loop runs in this thread
        assert pool.submit(asyncio.run, ended()).result() == ["slow", "d"]


def test_a_client_keeps_its_last_tables(models):
    app = create_app(Settings(models=models))
    with serving(app) as address:
        jobs = [finished(address, send(address, EXAMPLE_TABLE.read_bytes())) for _ in range(5)]
        assert [get(job).status_code for job in jobs] == [404, 404, 200, 200, 200]


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MOST_UNSEEN", -1, "nobody has asked for it"),
        ("MOST_BYTES", 0, "too much room on the disk"),
    ],
)
def test_a_table_that_costs_too_much_is_given_up(models, monkeypatch, limit, value, reason):
    monkeypatch.setattr(jobs_module, limit, value)
    app = create_app(Settings(models=models))
    with serving(app) as address:
        rows = b"30000000,2005-06-18\n" * 2000
        job = finished(address, send(address, b"budget,release_date\n" + rows))
        assert reason in get(job).text
        assert get(f"{job}/forecasts").status_code == 404
        assert not files_of(app)


def files_of(app):
    """Files of uploads, and of what was made from them."""
    return [path for path in app.state.temporary.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_titles_are_shown_as_they_are(app, tmp_path, kind):
    titles = ["300", "007", "NA", "null", ""]
    films = pd.read_csv(EXAMPLE_TABLE).assign(title=titles)
    table, out = tmp_path / f"films.{kind}", tmp_path / f"out.{kind}"
    films.to_csv(table, index=False) if kind == "csv" else films.to_parquet(table)
    with out.open("wb") as file:
        summary = score_file(app.state.forecasts, table, kind, file, kind)
    assert [film["title"] for film in (*summary.films, *summary.faulty)] == titles


# A poster


def poster(path, size=(200, 300)):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def needs_poster_model(app):
    if "poster" in app.state.media.lacking:
        pytest.skip(app.state.media.lacking["poster"])


@needs_browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_poster_is_answered(browser, address, app, tmp_path, scripts, needs_poster_model):
    with opened(browser, address, "/poster", java_script_enabled=scripts) as page:
        choose(page, poster(tmp_path / "the poster.jpg"))
        expect(page.get_by_role("img", name="The chosen poster")).to_have_count(int(scripts))
        page.get_by_role("button", name="Forecast from the poster").click()
        shown = answer(page)
        expect(page.locator("#answer")).to_be_focused()
        warnings = shown.get_by_role("region", name="Warnings")
        expect(warnings).to_contain_text("is unlike the posters that the model learned from")
        if app.state.media.cards["poster"]["media"] == "stand_in":
            expect(warnings).to_contain_text("drawn stand-ins")
        assert re.fullmatch(r"\$[\d.]+ (m|b)illion", shown.locator(".figure").inner_text())
        expect(shown.locator(".limits")).to_contain_text("not for")
        expect(shown.locator(".about")).to_have_text("the poster.jpg")
        expect(page.get_by_role("img", name="The chosen poster")).to_have_count(int(scripts))


@needs_browser
def test_what_is_no_image_is_refused_with_the_reason(
    browser, address, tmp_path, needs_poster_model
):
    file = tmp_path / "poster.jpg"
    file.write_text("I am a text.")
    with opened(browser, address, "/poster") as page:
        choose(page, file)
        page.get_by_role("button", name="Forecast from the poster").click()
        expect(answer(page)).to_contain_text("not an image")


def test_without_a_poster_model_the_page_says_how_to_get_one(models, tmp_path):
    folder = shutil.copytree(models, tmp_path / "models")
    for file in folder.glob("poster.*"):
        file.unlink()
    with serving(create_app(Settings(models=folder))) as address:
        assert "run `dvc repro poster`" in get(f"{address}/ui/poster").text
        asked = post(f"{address}/ui/poster", files={"file": ("a.jpg", b"none")})
    assert asked.status_code == 503
    assert "run `dvc repro poster`" in asked.text


# Without a mouse, on a phone, in the dark


@needs_browser
def test_all_of_it_works_by_keyboard(page):
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        element = page.evaluate(FOCUSED)
        if element is None:  # the page itself, before its first element
            continue
        reached.append(element)
        if element["name"] == "Forecast":
            break
    names = [element["name"] for element in reached]
    for name in ("A film", "Many films", "A poster", "Bridesmaids", "Title", "Budget", "Runtime"):
        assert any(found.startswith(name) for found in names), name
    for name in ("Release date", "Certificate", "Drama", "Language", "Director", "After release"):
        assert any(found.startswith(name) for found in names), name
    assert not [element for element in reached if element["outline"] < 2]
    page.keyboard.press("Enter")
    answer(page)


# A checkbox of the genres is outlined together with its label.
FOCUSED = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const outlines = [e, e.closest('label')].filter(Boolean).map(getComputedStyle)
    .map(style => style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth));
  const name = e.labels?.[0]?.innerText || e.ariaLabel || e.innerText;
  return {name: name.trim(), outline: Math.max(...outlines)};
}"""


@needs_browser
def test_enter_in_a_field_asks_and_space_marks_a_genre(page):
    page.get_by_label("Horror").focus()
    page.keyboard.press("Space")
    page.get_by_label("Budget").press("Enter")
    answer(page)
    expect(page.get_by_label("Horror")).to_be_checked()


@needs_browser
def test_the_parts_of_the_page_have_names_and_addresses_of_their_own(page, address):
    for link, path, heading in (
        ("Many films", "/ui/films", "Forecast many films"),
        ("A poster", "/ui/poster", "Forecast from a poster"),
        ("A film", "/ui", "What will a film earn?"),
    ):
        page.get_by_role("link", name=link, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(page.get_by_role("link", name=link, exact=True)).to_have_attribute(
            "aria-current", "page"
        )
        assert page.url == address + path
        expect(page).to_have_title(re.compile("What will a film earn?"))


@needs_browser
@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone_and_a_wide_table_scrolls(browser, address, width):
    with opened(browser, address, "/films", viewport={"width": width, "height": 640}) as page:
        assert page.evaluate(OVERFLOW) == 0
        score(page, EXAMPLE_TABLE)
        answer(page)
        assert page.evaluate(OVERFLOW) == 0
        table = page.get_by_role("region", name="The first forecasts")
        table.focus()
        page.keyboard.press("ArrowRight")
        scrolled = "e => e.scrollLeft > 0 && e.scrollWidth > e.clientWidth"
        assert eventually(lambda: table.evaluate(scrolled))
        page.goto(f"{address}/ui/poster")
        assert page.evaluate(OVERFLOW) == 0


@needs_browser
def test_more_of_a_table_is_hinted_at_its_edge(browser, address):
    """The edge is darker where more lies beyond it, and plain once all was seen."""
    with opened(browser, address, "/films", viewport={"width": 320, "height": 640}) as page:
        score(page, EXAMPLE_TABLE)
        table = page.get_by_role("region", name="The first forecasts")
        before = edge(table)
        table.evaluate("e => e.scrollLeft = e.scrollWidth")
        assert before < edge(table)


def edge(element):
    """Brightness of the last pixels of the first row's line, where no text stands."""
    picture = Image.open(io.BytesIO(element.screenshot())).convert("L")
    return np.asarray(picture)[:, -3:].mean()


@needs_browser
def test_letters_are_large_enough_on_a_phone(phone):
    try_example(phone, 0)
    answer(phone)
    assert phone.evaluate(SMALL_LETTERS) == []


SMALL_LETTERS = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.checkVisibility({opacityProperty: true}))
  .filter(e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
  .filter(e => parseFloat(getComputedStyle(e).fontSize) < 11.5)
  .map(e => e.outerHTML)"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_no_barrier(browser, address, scheme, width):
    """WCAG 2.2 AA as far as a program can check it: labels, roles, contrast and more."""
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with opened(browser, address, **view) as page:
        assert barriers(page) == []
        try_example(page, 0)
        shown = answer(page)
        page.get_by_text("After release").click()
        closed = shown.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        assert barriers(page) == []
        page.get_by_label("Budget").fill("none")
        ask(page)
        page.locator("[aria-invalid]").wait_for()
        assert barriers(page) == []
        page.goto(f"{address}/ui/films")
        assert barriers(page) == []
        score(page, EXAMPLE_TABLE)
        answer(page)
        assert barriers(page) == []
        page.goto(f"{address}/ui/poster")
        assert barriers(page) == []
        page.goto(f"{address}/ui/films/none")
        assert barriers(page) == []


def barriers(page):
    """What axe-core finds, with the pointer away."""
    page.mouse.move(0, 0)
    found = Axe().run(page, options={"runOnly": WCAG}).response
    assert {"color-contrast", "link-name"} <= {each["id"] for each in found["passes"]}
    return [
        (each["id"], node["html"], node["failureSummary"])
        for each in found["violations"]
        for node in each["nodes"]
    ]


WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@needs_browser
def test_the_first_view_is_small(browser, address):
    with browser.new_context(viewport=DESK) as visit:
        page = visit.new_page()
        network, loaded = visit.new_cdp_session(page), []
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda each: loaded.append(each["encodedDataLength"]))
        page.goto(f"{address}/ui", wait_until="networkidle")
    assert len(loaded) >= 4  # the page, its style and two scripts
    assert sum(loaded) <= MOST_BYTES


# What a client may not do

FORM = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n'
LARGE = bytes(2_000_000)  # more than is held in memory
END = b"\r\n--x--\r\n"


def raw(address, path, body, chunked=False, length=None):
    """Send the start of a request, or all of it, and go."""
    host, port = address.removeprefix("http://").split(":")
    size = b"Content-Length: %d" % (len(body) if length is None else length)
    if chunked:
        size, body = b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    kind = b"Content-Type: multipart/form-data; boundary=x"
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s\r\n\r\n" % (path.encode(), kind, size)
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        try:
            connection.sendall(head + body)
            if length is None:
                return connection.recv(65536)
        except ConnectionError:  # refused before all was sent
            return b""
        return b""


def open_spools():
    """Files without a name that this process holds open, as an upload's are."""
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as the folder itself is
            names.append(os.readlink(link))
    return {name for name in names if name.endswith("(deleted)")}


@pytest.fixture(scope="module")
def small(models):
    """A service with small limits, of this process."""
    app = create_app(Settings(models=models, max_upload=3_000_000, timeout=3))
    with serving(app) as address:
        yield SimpleNamespace(app=app, address=address, spools=open_spools())


@pytest.mark.parametrize("path", ["/ui/films", "/ui/poster", "/predict/poster"])
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("a name that leads out", {"body": FORM % (b"file", b"..") + LARGE + END}),
        ("a path as its name", {"body": FORM % (b"file", b"../../x/a.xls") + LARGE + END}),
        ("left while sending", {"body": FORM % (b"file", b"a.csv") + LARGE, "length": 2_900_000}),
        ("too large", {"body": FORM % (b"file", b"a.csv") + LARGE + LARGE + END}),
        (
            "too large, in pieces",
            {"body": FORM % (b"file", b"a.csv") + LARGE + LARGE + END, "chunked": True},
        ),
        ("another field", {"body": FORM % (b"other", b"a.csv") + LARGE + END}),
        ("without an end", {"body": FORM % (b"file", b"a.csv") + LARGE}),
        (
            "two files",
            {"body": (FORM % (b"file", b"a.csv") + LARGE[:1_200_000] + b"\r\n") * 2 + END},
        ),
        ("no form", {"body": LARGE}),
    ],
)
def test_an_upload_that_fails_leaves_nothing(small, path, name, sent):
    answered = raw(small.address, path, **sent)
    assert not answered or answered.split()[1][:1] in b"4"
    assert eventually(lambda: not files_of(small.app), 10)
    assert eventually(lambda: open_spools() <= small.spools, 10)
    assert get(f"{small.address}/ui").status_code == 200


@pytest.mark.parametrize("path", ["/ui/films", "/ui/poster"])
def test_a_disk_that_is_full_is_told(models, tmp_path, path):
    """Files of this service may not grow beyond a limit set from outside."""
    server = Server(models, tmp_path, page=1).start().wait()
    try:
        most = (1_500_000, 1_500_000)
        psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_FSIZE, most)
        answered = post(server.address + path, files={"file": ("a.csv", LARGE)})
        assert answered.status_code == 507
        assert "there is no room on the disk" in answered.text
        assert not [file for file in server.temporary.rglob("*") if file.is_file()]
    finally:
        server.stop()


def test_what_a_killed_service_leaves_is_removed_by_the_next(models, tmp_path):
    """And neither what a running service needs, nor anything of a service that was stopped."""

    def folders():
        return sorted(tmp_path.glob(f"temporary/{PREFIX}*"))

    neighbour = Server(models, tmp_path, page=1).start().wait()
    kept = folders()
    try:
        killed = Server(models, tmp_path, page=1).start().wait()
        finished(killed.address, send(killed.address, EXAMPLE_TABLE.read_bytes()))
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
        left = [folder for folder in folders() if folder not in kept]
        assert [path.name for path in left[0].rglob("*.csv")] == ["forecasts.csv"]
        next_one = Server(models, tmp_path, page=1).start().wait()
        finished(next_one.address, send(next_one.address, EXAMPLE_TABLE.read_bytes()))
        assert left[0] not in folders()
        assert kept[0] in folders()
        next_one.stop()
    finally:
        neighbour.stop()
    assert folders() == []


@needs_browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_file_that_is_too_large_is_told(browser, small, tmp_path, scripts):
    """With scripts before it is sent; the form says the limit in any case."""
    file = tmp_path / "films.csv"
    file.write_bytes(bytes(5_000_000))
    with opened(browser, small.address, "/films", java_script_enabled=scripts) as page:
        expect(page.get_by_label("CSV or Parquet file")).to_have_accessible_description(
            re.compile("At most 2.9 MiB")
        )
        score(page, file)
        if scripts:
            told = page.locator("input[type=file]").evaluate("e => e.validationMessage")
            assert told == "The file is larger than 2.9 MiB."
            assert page.get_by_role("button", name="Forecast all films").is_visible()
        else:
            expect(answer(page)).to_contain_text("the body is larger than 3,000,000 bytes")


def test_htmx_is_the_file_that_npm_has():
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX


def test_nothing_of_the_page_is_inline(address):
    """Neither scripts nor styles, which its policy would refuse."""
    shown = get(f"{address}/ui").text + post(f"{address}/ui", data={"example": "1"}).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", shown)


def test_nobody_else_is_asked_for_anything(address):
    """Neither telemetry, nor a newer version, nor fonts."""
    assert get(f"{address}/ui").status_code == 200
    assert "127.0.0.1" in LOOKED_UP, "the hook notes this test's own requests"
    assert set(LOOKED_UP) <= {"127.0.0.1", "localhost", None}


def test_the_page_is_not_in_the_way_of_the_api(address):
    assert get(f"{address}/").json()["page"] == "/ui"
    assert not [path for path in get(f"{address}/openapi.json").json()["paths"] if "ui" in path]
    assert get(f"{address}/favicon.ico").headers["content-type"] == "image/svg+xml"
    assert get(f"{address}/none").json()["detail"] == "Not Found"


def test_the_page_knows_the_prefix_that_the_service_is_mounted_at(app):
    """A proxy's prefix, which uvicorn has from its operator."""

    async def prefixed(scope, receive, send):
        if scope["type"] == "http":
            scope = scope | {"root_path": "/films", "path": f"/films{scope['path']}"}
        await app(scope, receive, send)

    with serving(prefixed) as address:
        shown = get(f"{address}/ui").text
        assert 'href="/films/ui/static/page.css"' in shown
        moved = send(address, EXAMPLE_TABLE.read_bytes()).headers["location"]
        assert moved.startswith("/films/ui/films/")
        assert not re.search(r'(href|src|action)="/ui', shown)


# Words and pictures


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        (0, "$0"),
        (423, "$423"),
        (85_049, "$85,000"),
        (999_600, "$1 million"),
        (412_345_678, "$412 million"),
        (999_900_000, "$1 billion"),
        (1_842_880_000, "$1.84 billion"),
    ],
)
def test_money_has_three_digits(usd, expected):
    assert money(usd) == expected


def test_shares_and_effects_are_put_in_words():
    assert [in_ten(share) for share in (0.9, 0.879, 0.5)] == ["9 in 10", "88 in 100", "5 in 10"]
    assert [percent(share) for share in (0, 0.004, 0.578, 1)] == [
        "under 1%",
        "under 1%",
        "58%",
        "over 99%",
    ]
    assert effect_on_revenue(np.log(2.3)) == "+130%"
    assert effect_on_revenue(-0.4) == "−33%"
    assert effect_on_revenue(3) == "× 20"
    assert effect_on_chance(-0.05) == "−5 points"
    assert [size(count) for count in (50 * 2**20, 10**6, 2 * 2**30)] == [
        "50 MiB",
        "1 MiB",
        "2,048 MiB",
    ]


def test_the_form_starts_with_a_film_that_can_be_forecast():
    for today in (date(2026, 1, 1), date(2026, 12, 31), date(2027, 6, 1)):
        assert next_summer(today).weekday() == 4
        assert next_summer(today) > today
        for number in range(len(EXAMPLES)):
            assert faults(stated_film(example(number, today), "distributors")) == []


@pytest.mark.parametrize("learned", [*COMPANIES_LABELS, None])
def test_the_form_asks_for_the_companies_that_the_models_learned(app, learned):
    forecasts = app.state.forecasts
    models = SimpleNamespace(
        cards=forecasts.cards, known_films=forecasts.known_films, companies_of=learned
    )
    labels = FilmAnswers(models, Scale(forecasts.known_films)).choices()["labels"]
    assert labels["companies"] == COMPANIES_LABELS[learned or "producers"]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_companies_of_an_example_are_used(app, number):
    forecasts = app.state.forecasts
    film = stated_film(example(number, date.today()), forecasts.companies_of)
    assert film["companies_of"] == forecasts.cards["revenue_pre_release"]["companies"]
    warnings = forecasts.revenue(film)["warnings"]
    assert not any(text.startswith("companies are not used") for text in warnings)


def test_faults_are_told_once_per_field_of_the_form():
    form = defaults(date.today()) | {"budget": None, "release_date": "soon", "vote_avg": 11}
    told = form_faults(form, stated_film(form, None))
    assert sorted(told) == ["budget", "release_date", "vote_avg"]
    assert told["release_date"].startswith("'soon' is not a date")
    assert told["budget"] == "is missing: give a number above 0, at most 10,000 ($ million)"


def test_the_scale_is_logarithmic_and_holds_every_revenue():
    films = pd.DataFrame({"title": "A", "release_year": 2000, "revenue": [1.0, 1e6, 1e8, 1e11]})
    scale = Scale(films)
    assert [scale.place(usd) for usd in (0.5, LEAST, MOST, 1e12)] == [0, 0, 100, 100]
    steps = np.diff([scale.place(usd) for usd in (1e5, 1e6, 1e7, 1e8)])
    assert np.allclose(steps, steps[0], atol=0.02)
    assert scale.share_below(1e7) == 0.5
    assert "nan" not in scale.outline


@needs_browser
def test_comparable_films_are_listed_with_what_they_earned(page, app):
    try_example(page, 1)
    shown = answer(page)
    film = stated_film(example(1, date.today()), app.state.forecasts.companies_of)
    comparables = app.state.forecasts.comparables(film)["comparables"]
    assert len(comparables) == 5
    expect(shown.get_by_role("heading", name="Comparable films")).to_be_visible()
    expect(shown).to_contain_text("what they earned in dollars of 2012")
    rows = shown.locator(".named li")
    expect(rows).to_have_count(5)
    for row, comparable in zip(rows.all(), comparables, strict=True):
        expect(row).to_contain_text(f"{comparable['title']} {comparable['release_year']}")
        expect(row).to_contain_text(money(comparable["revenue"]))
        expect(row).to_contain_text(comparable["why"])


@needs_browser
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_numbers_on_the_scale_of_a_phone_do_not_hide_each_other(phone, number):
    try_example(phone, number)
    shown = answer(phone)
    pins = [pin.bounding_box() for pin in shown.locator("circle.pin").all()]
    assert sorted(shown.locator(".number").all_text_contents()) == list("12345")
    ticks = min(tick.bounding_box()["y"] for tick in shown.locator(".tick").all())
    for place, pin in enumerate(pins):
        assert pin["y"] + pin["height"] <= ticks
        for other in pins[:place]:
            assert max(abs(pin[axis] - other[axis]) for axis in "xy") >= pin["width"]


def test_numbers_that_would_meet_stand_below_each_other():
    films = pd.DataFrame({"title": "A", "release_year": 2000, "revenue": [1.0, 1e6, 1e8, 1e11]})
    comparables = [
        {"title": "B", "release_year": 2000, "revenue": usd, "why": "made for $1 million"}
        for usd in (1e8, 1e6, 1.1e8, 1e6)
    ]
    interval = {"lower": 1e5, "upper": 1e9}
    answered = {"predicted_revenue": 1e7, "interval": interval}
    picture = Scale(films).picture(answered, comparables, 2001)
    assert [film["level"] for film in picture["named"]] == [0, 0, 1, 1]
    assert picture["levels"] == 2
    assert picture["comparables_in"] == 2001
    assert [film["revenue"] for film in picture["named"]] == [1e8, 1e6, 1.1e8, 1e6]


def test_named_films_lie_in_the_range_and_are_not_repeated(models):
    films = pd.DataFrame(
        {
            "title": [f"Film {number}" for number in range(400)],
            "release_year": np.arange(400) % 60 + 1950,
            "revenue": np.geomspace(1e4, 1e9, 400),
        }
    )
    named = Scale(films).named(1e6, 1e8)
    assert len(named) == 5
    assert [film["revenue"] for film in named] == sorted(film["revenue"] for film in named)
    assert all(0.9e6 < film["revenue"] < 1.1e8 for film in named)
    few = Scale(films.iloc[[0, 399]]).named(1e6, 1e8)
    assert [film["title"] for film in few] == ["Film 0", "Film 399"]
