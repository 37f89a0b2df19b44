"""The web page at `/ui`: forecasts for people who don't code.

It asks the same `Forecasts` and `Media` as the API. Its forms work without JavaScript; where there
is some, htmx puts the answers of films and posters in place and follows the progress of a table.
"""

from datetime import date
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from app.guard import network
from app.page.film import EXAMPLES, FilmAnswers, defaults, example, read_form
from app.page.jobs import Job, Jobs, TooManyJobs
from app.page.pictures import Scale, fault, render
from app.page.poster import PosterAnswers
from app.tables import score_table
from app.uploads import shown_name, stored
from app.workers import Busy, unless_gone
from boxoffice.films.companies import COMPANY_LISTS
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.table_columns import FIELD_OF_COLUMN, REQUIRED_COLUMNS, TEXT_COLUMNS
from boxoffice.forecasts.tables import Summary

STATIC = Path(__file__).with_name("static")
ONE_FILE = {"max_files": 1, "max_fields": 1}  # of a form
FORMATS = ("csv", "parquet")
OPTIONAL = [
    name
    for name in dict.fromkeys((*TEXT_COLUMNS, *FIELD_OF_COLUMN))
    if name not in REQUIRED_COLUMNS
]
IMAGES = "JPEG, PNG, WebP, GIF, BMP and AVIF are read."


class Parts:
    """Answers with the parts of the page, and with what stands on all of them."""

    def __init__(self, app: FastAPI):
        self._shared = {
            "colophon": _colophon(app.state.forecasts) | {"release": app.state.release},
            "most_upload": app.state.settings.max_upload,
        }

    def shown(self, request: Request, part: str, status: int = 200, **values) -> HTMLResponse:
        return HTMLResponse(render(part, root=root(request), **self._shared, **values), status)


def root(request: Request) -> str:
    """The path of the page, with the prefix that the service is mounted at."""
    return request.scope.get("root_path", "") + "/ui"


def mount(app: FastAPI) -> None:
    """Serve the page of this app at `/ui`."""

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    app.mount("/ui/static", StaticFiles(directory=STATIC))
    parts, scale = Parts(app), Scale(app.state.forecasts.known_films)
    _add_film(app, parts, scale)
    _add_tables(app, parts)
    _add_poster(app, parts, scale)


def _add_film(app: FastAPI, parts: Parts, scale: Scale) -> None:
    answers = FilmAnswers(app.state.forecasts, scale)
    about = {"examples": answers.examples(), "choices": answers.choices()}
    invitation = answers.invitation()

    @app.get("/ui", include_in_schema=False)
    async def film(request: Request):
        values = {"form": defaults(date.today()), "faults": {}, "answer": invitation}
        return parts.shown(request, "film", **about, **values)

    @app.post("/ui", include_in_schema=False)
    async def film_asked(request: Request):
        async with request.form(max_fields=100) as sent:
            number = str(sent.get("example", ""))
            chosen = number in map(str, range(len(EXAMPLES)))
            form = example(int(number), date.today()) if chosen else read_form(sent)
        answer, faults = await to_thread.run_sync(answers.answer, form)
        values = {"form": form, "faults": faults, "answer": answer}
        return parts.shown(request, "film", 422 if faults else 200, **about, **values)


def _add_tables(app: FastAPI, parts: Parts) -> None:
    workers = app.state.tables
    columns = render(
        "columns",
        required=REQUIRED_COLUMNS,
        optional=OPTIONAL,
        learned=COMPANY_LISTS.get(app.state.forecasts.companies_of),
    )

    async def score(job: Job) -> Summary:
        files = job.source, job.kind, job.scored, job.kind
        return await score_table(workers, job.client, *files, job.count)

    jobs = Jobs(score, app.state.settings.tables, app.state.settings.max_upload)

    def refused(request: Request, status: int, heading: str, text: str) -> Response:
        return parts.shown(request, "films", status, answer=fault(heading, text))

    @app.get("/ui/films", include_in_schema=False)
    async def films(request: Request):
        return parts.shown(request, "films", answer=columns)

    @app.post("/ui/films", include_in_schema=False)
    async def films_asked(request: Request):
        client = network(request.scope)
        try:
            jobs.check(client)
            async with request.form(**ONE_FILE) as sent:
                file = _file(sent.get("file"))
                if file is None:
                    text = "A CSV or Parquet file with a row per film."
                    return refused(request, 422, "Please choose a file", text)
                kind = shown_name(file).rpartition(".")[2].lower()
                if kind not in FORMATS:
                    text = "Only .csv and .parquet files are read."
                    return refused(request, 422, "This file can’t be used", text)
                job = await jobs.start(file, kind, client, app.state.temporary)
        except Busy as busy:
            status = 429 if isinstance(busy, TooManyJobs) else 503
            answer = refused(request, status, "Please try again later", str(busy))
            answer.headers["Retry-After"] = "30"
            return answer
        return RedirectResponse(f"{root(request)}/films/{job.id}", 303)

    def found(id: str) -> Job:
        job = jobs.find(id)
        if job is None:
            raise HTTPException(404, "there is no such table: its files are deleted after an hour")
        return job

    @app.get("/ui/films/{id}", include_in_schema=False)
    async def job(request: Request, id: str):
        return parts.shown(request, "job", job=found(id))

    @app.get("/ui/films/{id}/forecasts", include_in_schema=False)
    async def download(id: str):
        job = found(id)
        if job.summary is None:
            raise HTTPException(404, "this table has no forecasts")
        stem = job.name.rpartition(".")[0] or "films"
        return FileResponse(job.scored, filename=f"{stem}-forecasts.{job.kind}")


def _add_poster(app: FastAPI, parts: Parts, scale: Scale) -> None:
    answers = PosterAnswers(app.state.media, scale)

    @app.get("/ui/poster", include_in_schema=False)
    async def poster(request: Request):
        return parts.shown(request, "poster", answer=answers.invitation())

    @app.post("/ui/poster", include_in_schema=False)
    async def poster_asked(request: Request):
        async with request.form(**ONE_FILE) as sent:
            file = _file(sent.get("file"))
            if file is None:
                answer, status = fault("Please choose an image", IMAGES), 422
            else:
                async with stored(file, app.state.temporary) as path:
                    ask = answers.answer(path, shown_name(file), network(request.scope))
                    answer, status = await unless_gone(request, ask)
        return parts.shown(request, "poster", status, answer=answer)


def _file(sent: UploadFile | str | None) -> UploadFile | None:
    """The file of a form; a browser sends one without a name where none was chosen."""
    return sent if isinstance(sent, UploadFile) and sent.filename else None


def _colophon(forecasts: Forecasts) -> dict:
    card = forecasts.cards["revenue_pre_release"]
    return {
        "films": card["training_rows"],
        "source": card["source"],
        "until": card["trained_until"],
        "near": card.get("backtest", {}).get("h1_2"),
    }
