"""The web page, in a real browser: what people see, by mouse, by keyboard and on a phone."""

import io
import json
import re
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from serving import PATIENCE, get, post

from app.main import create_app
from app.page.film import (
    COMPANIES_LABELS,
    EXAMPLES,
    example,
    form_fields,
    next_summer,
    stated_film,
)
from app.page.pictures import LEAST, MOST, Scale
from app.page.table import EXAMPLE_TABLE
from app.page.words import effect_on_chance, effect_on_revenue, in_ten, labelled, money, percent
from app.settings import Settings
from boxoffice.core import paths
from boxoffice.forecasts.request import faults
from boxoffice.forecasts.tables import score_file

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
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
def opened(browser, address, **context):
    """The page, which must ask nothing of any other host and report no error."""
    with browser.new_context(**({"viewport": DESK} | context)) as visit:
        page = visit.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        elsewhere, errors = [], []
        page.on("request", lambda r: elsewhere.append(r.url) if not local(r.url, address) else None)
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/ui/")
        page.get_by_role("button", name="Forecast", exact=True).wait_for()
        yield page
        assert elsewhere == []
        assert errors == []


def local(url, address):
    return url.startswith((f"{address}/", "data:", "blob:"))


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


def answer(page, kind="film"):
    """What was answered, once it stands there."""
    found = page.locator(f"#{kind}-answer article:not(.empty)")
    found.wait_for()
    return found


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()
    return page.get_by_role("tabpanel", name=name)


def upload(page, file):
    panel = page.locator("[role=tabpanel]").filter(visible=True)
    panel.locator("input[type=file]").set_input_files(file)


def upload_table(page, file):
    """Upload a table and wait until the page has it: a click before that is lost."""
    upload(page, file)
    # The file's name alone also stands in the progress of the upload.
    expect(page.locator(".file-preview").filter(has_text=file.suffix)).to_be_visible()


# One film


@needs_browser
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_takes_one_click_and_says_what_the_api_says(page, app, number):
    film = EXAMPLES[number]
    page.get_by_role("button", name=film["title"]).click()
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
    for film in EXAMPLES:
        seen = ((known["title"] == film["title"]) & (known["release_year"] == year(film))).any()
        button = page.get_by_role("button", name=film["title"])
        expect(button).to_contain_text("learned from" if seen else "new to the models")
        button.click()
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
    page.get_by_role("button", name="After release").click()
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
    expect(page.get_by_label("Voted at")).to_have_value("TMDB")
    answered = post(f"{address}/predict/revenue", json=classic).json()
    expect(shown.locator(".figure")).to_have_text(money(answered["predicted_revenue"]))


@needs_browser
def test_a_wrong_value_is_named_with_what_its_field_takes(page):
    page.get_by_label("Budget").fill("0")
    page.get_by_label("Runtime").fill("-5")
    page.get_by_label("Release date").fill("soon")
    ask(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Budget: 0 is not a number above 0, at most 10,000,000,000 (USD)")
    expect(alert).to_contain_text("Runtime: -5 is not a number from 0 to 2,000 (minutes)")
    expect(alert).to_contain_text("Release date: 'soon' is not a date YYYY-MM-DD between 1888")
    page.get_by_role("button", name=EXAMPLES[0]["title"]).click()
    expect(page.locator("#film-answer .figure")).to_be_visible()
    expect(alert).to_have_count(0)


@needs_browser
def test_what_somebody_types_is_text_and_no_markup(page):
    page.get_by_label("Title").fill("<img src=x onerror=alert(1)>")
    page.get_by_label("Director").fill("<script>alert(1)</script>")
    ask(page)
    expect(answer(page).locator(".about")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("#film-answer img").count() == 0


# Many films


@needs_browser
def test_a_csv_comes_back_with_forecasts_and_its_bad_row_named(page, app, tmp_path):
    open_tab(page, "Many films")
    with page.expect_download() as example_csv:
        page.get_by_role("button", name="Download an example CSV").click()
    table = tmp_path / "films.csv"
    example_csv.value.save_as(table)
    assert table.read_bytes() == EXAMPLE_TABLE.read_bytes()
    downloaded = scored_on_the_page(page, table)
    shown = answer(page, "table")
    expect(shown).to_contain_text("4 of 5 films have a forecast")
    expect(shown).to_contain_text(
        "Row 5, A film without a budget: budget: 0 is not a number above 0"
    )
    assert downloaded == scored(app, table)
    expect(shown.get_by_role("rowheader")).to_have_text(
        ["Juno", "The Dark Knight", "Slumdog Millionaire", "WALL-E"]
    )


def scored_on_the_page(page, table):
    """Bytes of the file that the page gives back."""
    upload_table(page, table)
    page.get_by_role("button", name="Forecast all films").click()
    answer(page, "table")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the forecasts").click()
    return Path(download.value.path()).read_bytes()


def scored(app, table):
    kind, out = table.suffix[1:], io.BytesIO()
    score_file(app.state.forecasts, table, kind, out, kind)
    return out.getvalue()


@needs_browser
def test_a_parquet_file_comes_back_as_one(page, app, tmp_path):
    table = tmp_path / "films.parquet"
    pd.read_csv(EXAMPLE_TABLE).drop(columns="title").to_parquet(table)
    open_tab(page, "Many films")
    assert scored_on_the_page(page, table) == scored(app, table)
    expect(answer(page, "table")).to_contain_text("4 of 5 films have a forecast")


@needs_browser
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", b"", "empty"),
        ("other.csv", b"a,b\n1,2\n", "the table lacks the columns budget, release_date"),
        ("broken.parquet", b"PAR1 nothing more", "not a readable Parquet file"),
    ],
)
def test_a_table_that_can_not_be_scored_says_why(page, tmp_path, name, content, reason):
    file = tmp_path / name
    file.write_bytes(content)
    open_tab(page, "Many films")
    upload_table(page, file)
    page.get_by_role("button", name="Forecast all films").click()
    expect(page.get_by_role("alert")).to_contain_text(reason)
    expect(page.get_by_role("button", name="Download the forecasts")).to_have_count(0)


# A poster


def poster(path, size=(200, 300)):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@needs_browser
def test_a_poster_is_answered_and_does_not_hold_up_the_form(page, app, tmp_path):
    if "poster" in app.state.media.lacking:
        pytest.skip(app.state.media.lacking["poster"])
    open_tab(page, "A poster")
    upload(page, poster(tmp_path / "poster.jpg"))
    page.locator("[role=tabpanel] img").wait_for()
    page.get_by_role("button", name="Forecast from the poster").click()
    # The network is loaded at the first poster, which takes seconds; meanwhile the form answers.
    open_tab(page, "A film")
    ask(page)
    answer(page)
    open_tab(page, "A poster")
    shown = answer(page, "poster")
    stand_in = app.state.media.cards["poster"]["media"] == "stand_in"
    warnings = shown.get_by_role("region", name="Warnings")
    assert warnings.count() == int(stand_in)  # nobody takes a figure from stand-ins for a forecast
    assert re.fullmatch(r"\$[\d.]+ (m|b)illion", shown.locator(".figure").inner_text())
    expect(shown.locator(".limits")).to_contain_text("not for")


@needs_browser
def test_what_is_no_image_is_refused_with_the_reason(page, app, tmp_path):
    if "poster" in app.state.media.lacking:
        pytest.skip(app.state.media.lacking["poster"])
    file = tmp_path / "poster.jpg"
    file.write_text("I am a text.")
    open_tab(page, "A poster")
    upload(page, file)
    page.locator("[role=tabpanel] img").wait_for(state="attached")
    page.get_by_role("button", name="Forecast from the poster").click()
    expect(page.get_by_role("alert")).to_contain_text("not an image")


@needs_browser
def test_without_a_poster_model_the_page_says_how_to_get_one(browser, models, tmp_path):
    folder = shutil.copytree(models, tmp_path / "models")
    for file in folder.glob("poster.*"):
        file.unlink()
    with (
        serving(create_app(Settings(models=folder))) as address,
        opened(browser, address) as page,
    ):
        open_tab(page, "A poster")
        expect(page.get_by_role("alert")).to_contain_text("run `dvc repro poster`")


# Without a mouse, on a phone, in the dark


@needs_browser
def test_all_of_it_works_by_keyboard(page):
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        page.wait_for_timeout(30)  # outlines fade in
        element = page.evaluate(FOCUSED)
        if element is None:  # the page itself, before its first element
            continue
        if element["name"] == "Forecast":
            break
        reached.append(element)
    names = [element["name"] for element in reached]
    for name in ("A film", "Many films", "A poster", "Bridesmaids", "Title", "Budget", "Runtime"):
        assert any(found.startswith(name) for found in names), name
    for name in ("Release date", "Certificate", "Drama", "Language", "Director", "After release"):
        assert any(found.startswith(name) for found in names), name
    assert not [element for element in reached if element["outline"] < 2]
    page.keyboard.press("Enter")
    answer(page)


FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  if (e === document.body) return null;
  const name = e.labels?.[0]?.innerText || e.ariaLabel || e.innerText;
  return {name, outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth)};
}"""


@needs_browser
def test_enter_in_a_field_asks_and_on_a_tab_opens_it(page):
    page.get_by_label("Budget").press("Enter")
    answer(page)
    page.get_by_role("tab", name="A film").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Forecast all films")).to_be_visible()


@needs_browser
def test_space_marks_a_genre(page):
    page.get_by_label("Horror").focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("Horror")).to_be_checked()


@needs_browser
def test_the_page_is_named_and_its_answers_are_announced(page):
    expect(page).to_have_title("What will a film earn?")
    expect(page.get_by_role("heading", level=1)).to_have_text("What will a film earn?")
    expect(page.locator("#film-answer [aria-live=polite] article")).to_be_visible()


@needs_browser
def test_nothing_is_wider_than_a_phone(phone, tmp_path):
    width = "document.documentElement.scrollWidth"
    assert phone.evaluate(width) == PHONE["width"]
    phone.get_by_role("button", name=EXAMPLES[1]["title"]).tap()
    expect(answer(phone).locator(".figure")).to_be_in_viewport()  # brought up from below the form
    assert phone.evaluate(width) == PHONE["width"]
    open_tab(phone, "Many films")
    upload(phone, EXAMPLE_TABLE)
    phone.get_by_role("button", name="Forecast all films").tap()
    answer(phone, "table")
    assert phone.evaluate(width) == PHONE["width"]
    open_tab(phone, "A poster")
    assert phone.evaluate(width) == PHONE["width"]


@needs_browser
def test_letters_are_large_enough_on_a_phone(phone):
    phone.get_by_role("button", name=EXAMPLES[0]["title"]).tap()
    answer(phone)
    assert phone.evaluate(SMALL_LETTERS) == []


SMALL_LETTERS = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.offsetWidth && e.checkVisibility({opacityProperty: true}))
  .filter(e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
  .filter(e => parseFloat(getComputedStyle(e).fontSize) < 11.5)
  .map(e => e.outerHTML)"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(browser, address, scheme):
    """WCAG 2.2 AA as far as a program can check it: labels, roles, contrast and more."""
    with opened(browser, address, color_scheme=scheme, reduced_motion="reduce") as page:
        page.get_by_role("button", name=EXAMPLES[0]["title"]).click()
        answer(page)
        page.get_by_role("button", name="After release").click()
        page.get_by_label("Number of votes").wait_for()
        assert barriers(page) == []
        open_tab(page, "Many films")
        page.get_by_role("button", name="Forecast all films").click()
        page.get_by_role("alert").wait_for()
        assert barriers(page) == []
        open_tab(page, "A poster")
        assert barriers(page) == []


def barriers(page):
    """What axe-core finds, once the pointer is away and colours have faded."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    found = Axe().run(page, options={"runOnly": WCAG}).response
    assert {"color-contrast", "button-name"} <= {each["id"] for each in found["passes"]}
    return [
        (each["id"], node["html"], node["failureSummary"])
        for each in found["violations"]
        for node in each["nodes"]
    ]


WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


# What a client may not do


def join(address, value, number):
    """Send a value to an event of the page as a client of one's own would."""
    body = {"data": [value], "fn_index": number, "session_hash": "a-client", "trigger_id": None}
    return post(f"{address}/ui/gradio_api/queue/join", json=body)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        str(paths.ROOT / "params.yaml"),
        "../../etc/passwd",
        "http://example.org/films.csv",
        "https://127.0.0.1/films.csv",
        "",
        "\0",
        ["/etc/passwd"],
    ],
)
def test_a_file_is_one_that_was_uploaded(address, path):
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for value in (file, [file], {"value": file}):
        answered = join(address, value, 0)
        assert answered.status_code == 422
        assert answered.json() == {"detail": "a file is one that was uploaded"}


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 30_000, b"\xff"])
def test_a_form_is_json(address, body):
    headers = {"content-type": "application/json"}
    answered = post(f"{address}/ui/gradio_api/queue/join", content=body, headers=headers)
    assert answered.status_code == 422


def test_a_form_has_its_limit(address):
    answered = join(address, "x" * 100_000, 0)
    assert answered.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        f"gradio_api/file={paths.ROOT / 'params.yaml'}",
        "gradio_api/file=http://example.org/",
        "gradio_api/proxy=http://example.org/",
        "gradio_api/run/answer",
        "gradio_api/component_server",
        "gradio_api/vibe-code",
        "gradio_api/process_recording",
        "gradio_api/dev/reload",
        "gradio_api/deep_link?session_hash=a",
        "monitoring",
        "static/../../../../../../etc/passwd",
        "assets/%2e%2e/%2e%2e/%2e%2e/__init__.py",
    ],
)
def test_nothing_else_of_gradio_is_reached(address, path):
    for method in ("GET", "POST"):
        answered = httpx.request(method, f"{address}/ui/{path}")
        assert answered.status_code in (403, 404, 405)
        assert "root:" not in answered.text


def test_an_upload_has_its_limit(models):
    with serving(create_app(Settings(models=models, max_upload=10_000))) as address:
        url = f"{address}/ui/gradio_api/upload"
        assert post(url, files={"files": ("a.csv", b"x" * 9_000)}).status_code == 200
        assert post(url, files={"files": ("a.csv", b"x" * 11_000)}).status_code == 413


def test_nobody_else_is_asked_for_anything(app, address):
    """Neither telemetry, nor a newer version, nor fonts."""
    served = get(f"{address}/ui/").text
    theme = get(f"{address}/ui/theme.css").text
    assert "http" not in re.sub(r"http://(www\.w3\.org|127\.0\.0\.1)\S*", "", theme)
    assert json.loads(re.search(r"gradio_config = (.*?);</script>", served)[1])["theme"]
    assert "127.0.0.1" in LOOKED_UP, "the hook notes this test's own requests"
    assert set(LOOKED_UP) <= {"127.0.0.1", "localhost", None}


def test_the_page_is_not_in_the_way_of_the_api(address):
    assert get(f"{address}/").json()["page"] == "/ui"
    assert not [path for path in get(f"{address}/openapi.json").json()["paths"] if "ui" in path]
    assert get(f"{address}/favicon.ico").headers["content-type"] == "image/svg+xml"


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


def test_the_form_starts_with_a_film_that_can_be_forecast():
    for today in (date(2026, 1, 1), date(2026, 12, 31), date(2027, 6, 1)):
        assert next_summer(today).weekday() == 4
        assert next_summer(today) > today
        for number in range(len(EXAMPLES)):
            assert faults(stated_film(example(number, today), "distributors")) == []


@pytest.mark.parametrize("learned", [*COMPANIES_LABELS, None])
def test_the_form_asks_for_the_companies_that_the_models_learned(app, learned):
    with gr.Blocks():
        models = SimpleNamespace(cards=app.state.forecasts.cards, companies_of=learned)
        fields = form_fields(models, date.today())
    assert fields["companies"].label == COMPANIES_LABELS[learned or "producers"]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_companies_of_an_example_are_used(app, number):
    forecasts = app.state.forecasts
    film = stated_film(example(number, date.today()), forecasts.companies_of)
    assert film["companies_of"] == forecasts.cards["revenue_pre_release"]["companies"]
    warnings = forecasts.revenue(film)["warnings"]
    assert not any(text.startswith("companies are not used") for text in warnings)


def test_faults_are_told_once_per_field_of_the_form():
    stated = {"budget": None, "release_year": None, "release_date": "soon", "vote_avg": 11}
    labels = [label for label, _ in labelled(faults(stated))]
    assert sorted(labels) == ["Average vote", "Budget", "Release date"]
    assert dict(labelled(faults(stated)))["Release date"].startswith("'soon' is not a date")


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
    page.get_by_role("button", name=EXAMPLES[1]["title"]).click()
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
    phone.get_by_role("button", name=EXAMPLES[number]["title"]).tap()
    shown = answer(phone)
    pins = [pin.bounding_box() for pin in shown.locator(".pin").all()]
    assert sorted(shown.locator(".pin").all_inner_texts()) == list("12345")
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
