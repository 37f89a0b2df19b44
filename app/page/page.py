"""The web page at `/ui`: forecasts for people who don't code.

It asks the same `Forecasts` and `Media` as the API and needs no network: its fonts are the
system's, its pictures inline, and Gradio's telemetry is off.
"""

from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.responses import FileResponse

from app.media import Media
from app.page.film import EXAMPLES, FilmAnswers, example, form_fields
from app.page.gate import PageGate
from app.page.pictures import Scale
from app.page.poster import PosterAnswers
from app.page.table import EXAMPLE_TABLE, answer_table, needed_columns
from app.page.theme import theme
from app.page.words import percent
from app.settings import Settings
from boxoffice.forecasts.forecasts import Forecasts

TITLE = "What will a film earn?"
ICON = Path(__file__).with_name("icon.svg")
HOUR = 3600  # seconds
# A form is answered in milliseconds. Tables and posters have queues of their own, so as not to hold
# it up.
FORMS_AT_ONCE, TABLES_AT_ONCE, POSTERS_AT_ONCE = 8, 1, 1
MOST_WAITING = 100
# Screen readers speak what appears; on a phone, where it stands below the form, it is brought up.
ANNOUNCED = "element.setAttribute('aria-live', 'polite')"
BROUGHT_UP = """() => {
  const answer = [...document.querySelectorAll('[aria-live=polite]')].find(e => e.offsetParent);
  if (answer && answer.getBoundingClientRect().top > innerHeight * 0.6) answer.scrollIntoView();
}"""
SHOWN = {"fn": None, "js": BROUGHT_UP}
LEFT, RIGHT = {"scale": 5, "min_width": 300}, {"scale": 6, "min_width": 300}  # of a tab


def build(forecasts: Forecasts, media: Media) -> gr.Blocks:
    """The page, not yet served."""
    scale = Scale(forecasts.known_films)
    # What was uploaded is deleted within two hours.
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(HOUR, HOUR)) as page:
        gr.HTML(
            f'<header class="masthead"><h1>{TITLE}</h1><p>A forecast of worldwide revenue from '
            "what is known of a film, with its range and what moved it.</p></header>"
        )
        with gr.Tabs():
            with gr.Tab("A film"):
                _film_tab(forecasts, scale)
            with gr.Tab("Many films"):
                _table_tab(forecasts)
            with gr.Tab("A poster"):
                _poster_tab(media, scale)
        gr.HTML(f'<footer class="colophon"><p>{_colophon(forecasts)}</p></footer>')
    page.queue(max_size=MOST_WAITING, api_open=False)
    return page


def mount(app: FastAPI, forecasts: Forecasts, settings: Settings) -> None:
    """Serve the page of this app at `/ui`."""

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(ICON, media_type="image/svg+xml")

    gr.mount_gradio_app(
        app,
        build(forecasts, app.state.media),
        path="/ui",
        max_file_size=settings.max_upload,
        theme=theme(),
        css_paths=[Path(__file__).with_name("page.css")],
        footer_links=[],
        run_history=False,
        show_error=False,
        app_kwargs={"middleware": [Middleware(PageGate)]},
        ssr_mode=False,
        mcp_server=False,
    )


def _film_tab(forecasts: Forecasts, scale: Scale) -> None:
    answers = FilmAnswers(forecasts, scale)
    today = date.today()
    with gr.Row():
        with gr.Column(**LEFT):
            gr.HTML('<p class="lead">Start from an example, or describe your own film.</p>')
            with gr.Row(equal_height=True):
                look = {"size": "sm", "min_width": 96, "elem_classes": "example"}
                buttons = [gr.Button(_example_label(film, answers), **look) for film in EXAMPLES]
            fields = form_fields(forecasts, today)
            ask = gr.Button("Forecast", variant="primary")
        with gr.Column(**RIGHT):
            result = _answer("film", answers.invitation())

    def answer(*values):
        return answers.answer(dict(zip(fields, values, strict=True)))

    asked = {
        "fn": answer,
        "inputs": list(fields.values()),
        "outputs": result,
        "concurrency_limit": FORMS_AT_ONCE,
        "concurrency_id": "film",
        "show_progress": "minimal",
        "api_visibility": "private",
    }
    typed = [field.submit for field in fields.values() if isinstance(field, gr.Textbox | gr.Number)]
    gr.on([ask.click, *typed], **asked).then(**SHOWN)
    for number, button in enumerate(buttons):
        film = example(number, today)
        values = [film[name] for name in fields]
        button.click(
            lambda values=values: values,
            outputs=list(fields.values()),
            concurrency_id="film",
            show_progress="hidden",
            api_visibility="private",
        ).then(**asked).then(**SHOWN)


def _table_tab(forecasts: Forecasts) -> None:
    with gr.Row():
        with gr.Column(**LEFT):
            gr.HTML(
                '<p class="lead">A CSV or Parquet file with a row per film, in the columns of the '
                "TMDB 5000 data. It comes back with a forecast in every row, or the reason why "
                "there is none.</p>"
            )
            gr.DownloadButton("Download an example CSV", EXAMPLE_TABLE, size="sm")
            upload = gr.File(label="CSV or Parquet file", file_types=[".csv", ".parquet"])
            ask = gr.Button("Forecast all films", variant="primary")
        with gr.Column(**RIGHT):
            result = _answer("table", needed_columns(forecasts.companies_of))
            download = gr.DownloadButton("Download the forecasts", visible=False)

    def answer(upload: str | None, progress=gr.Progress()):  # noqa: B008
        html, path = answer_table(forecasts, upload, progress)
        return html, gr.DownloadButton(value=path, visible=path is not None)

    ask.click(
        answer,
        upload,
        [result, download],
        concurrency_limit=TABLES_AT_ONCE,
        concurrency_id="table",
        show_progress_on=result,
        api_visibility="private",
    ).then(**SHOWN)


def _poster_tab(media: Media, scale: Scale) -> None:
    answers = PosterAnswers(media, scale)
    with gr.Row():
        with gr.Column(**LEFT):
            gr.HTML('<p class="lead">A poster alone: what would a film with it earn?</p>')
            upload = gr.Image(
                label="Poster", sources=["upload"], type="filepath", image_mode=None, height=380
            )
            ask = gr.Button("Forecast from the poster", variant="primary")
        with gr.Column(**RIGHT):
            result = _answer("poster", answers.invitation())
    ask.click(
        answers.answer,
        upload,
        result,
        preprocess=False,  # Gradio would open the image; the model's own reader has limits
        concurrency_limit=POSTERS_AT_ONCE,
        concurrency_id="poster",
        api_visibility="private",
    ).then(**SHOWN)


def _answer(tab: str, invitation: str) -> gr.HTML:
    return gr.HTML(invitation, elem_id=f"{tab}-answer", js_on_load=ANNOUNCED)


def _example_label(film: dict[str, Any], answers: FilmAnswers) -> str:
    year = int(film["release_date"][:4])
    seen = "learned from" if answers.knows(film["title"], year) else "new to the models"
    return f"{film['title']} ({year})\n{seen}"


def _colophon(forecasts: Forecasts) -> str:
    card = forecasts.cards["revenue_pre_release"]
    films, source = card["training_rows"], escape(card["source"])
    near = card.get("backtest", {}).get("h1_2")
    measured = (
        f"In a backtest, {percent(near['within_2'])} of the films a year or two ahead earned "
        "between half and twice the forecast. "
        if near
        else ""
    )
    return (
        f"Learned from {films:,} films of the source {source}, released until "
        f"{card['trained_until']}. {measured}Dollars are those of the film’s time; years to come "
        "have the prices of today. Uploads are deleted within two hours."
    )
