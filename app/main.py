"""The API: `uvicorn app.main:app`."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Body, FastAPI, File, Form, Header, Query, Request, Response, UploadFile
from fastapi.responses import PlainTextResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from app import __version__, schemas
from app.drift import AskedFilms
from app.guard import network
from app.logs import service_log, tidy_server_log
from app.media import Media, MediaUnavailable, UploadFault
from app.middleware import Metrics, Traffic
from app.problems import answer_problems, fault, faults_of
from app.routes import JsonRoute
from app.settings import Settings, SettingsError
from app.shadow import Shadow
from app.tables import scored_table, table_workers
from app.temporary import temporary_folder
from app.together import Together
from app.uploads import Streamed, UploadRoute, shown_name, stored
from app.workers import settle, unless_gone
from boxoffice.core.model_files import ModelFileError
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import Format, Summary, TableError
from boxoffice.live.versions import release_of

ABOUT = """
What will a film earn, and will it pay off?

Leave `popularity`, `vote_avg` and `vote_count` out for a film that isn't released yet. Every
forecast names the model that gave it, and warns of what lies outside its training films.
"""
TAGS = [
    {"name": "films", "description": "Forecasts for one film."},
    {"name": "tables", "description": "Forecasts for many films."},
    {"name": "service", "description": "The service itself."},
]
JSON_TYPE = "application/json"
TYPES: dict[Format, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
MOST_TEXT = 20_000  # characters; a text encoder reads far fewer
FORM_LIMITS = {"max_fields": 10, "max_files": 4, "max_part_size": 4 * MOST_TEXT}
IMAGE = "a JPEG, PNG, WEBP, GIF, BMP or AVIF image of at most 50,000,000 pixels"
FILM_EXAMPLE = orjson.dumps(schemas.PRE_RELEASE_EXAMPLE).decode()
VIDEO = "a video with sound, such as MP4, WebM, MOV or MKV"
TABLE = "a CSV or Parquet file in the TMDB 5000 schema"
# Answers other than success, for the OpenAPI document.
BODY_ANSWERS: dict[int | str, dict[str, Any]] = {
    408: {"model": schemas.Problem, "description": "The body took too long."},
    413: {"model": schemas.Problem, "description": "The body is too large."},
    415: {"model": schemas.Problem, "description": "The body is of another type."},
    422: {"model": schemas.Refusal, "description": "The request can't be understood."},
    500: {"model": schemas.Problem, "description": "The service failed."},
}
FORM_ANSWERS = BODY_ANSWERS | {
    400: {"model": schemas.Problem, "description": "The body is no form."},
    503: {"model": schemas.Problem, "description": "The model is absent, or busy."},
    504: {"model": schemas.Problem, "description": "The answer took too long."},
    507: {"model": schemas.Problem, "description": "The disk has no room for the upload."},
}


@asynccontextmanager
async def _folder_for_uploads(app: FastAPI) -> AsyncIterator[None]:
    with temporary_folder() as app.state.temporary:
        yield


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service, its models loaded.

    Raises
    ------
    ModelFileError
        If a model's file is missing or altered; the message names it.
    """
    settings = settings or Settings.from_env()
    tidy_server_log()
    metrics, log = Metrics(), service_log()
    app = FastAPIOffline(
        title="Box office",
        summary="What will a film earn?",
        description=ABOUT,
        version=__version__,
        openapi_tags=TAGS,
        form_limits=FORM_LIMITS,
        lifespan=_folder_for_uploads,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.forecasts = Forecasts(settings.models)
    app.state.asked = AskedFilms(app.state.forecasts, metrics.registry)
    app.state.release = release_of(settings.models)
    app.state.media = Media(settings)
    app.state.tables = table_workers(settings)
    app.state.shadow = None
    if settings.shadow is not None:
        version = app.state.release["version"]
        app.state.shadow = Shadow(settings, version, metrics.registry, log)
    app.add_middleware(Traffic, settings=settings, metrics=metrics, log=log)
    answer_problems(app)
    app.router.route_class = UploadRoute
    _add_films(app)  # first, as a request tries one route after the other
    _add_service(app, metrics)
    _add_media(app)
    _add_tables(app)
    if settings.page:
        from app.page.page import mount

        mount(app)
    return app


def _add_service(app: FastAPI, metrics: Metrics) -> None:
    forecasts, media = app.state.forecasts, app.state.media
    cards = forecasts.cards | {
        name: card for name, card in media.cards.items() if name not in media.lacking
    }
    welcome = {
        "name": "boxoffice",
        "version": __version__,
        "status": "running",
        "models_version": app.state.release["version"],
        "role": app.state.release["role"],
        "models": [
            {
                "name": name,
                "model": card.get("model") or card.get("network"),
                "source": card["source"],
                "trained_until": card.get("trained_until"),
                "backtest": card.get("backtest"),
            }
            for name, card in cards.items()
        ],
        "unavailable": media.lacking,
        "page": "/ui" if app.state.settings.page else None,
        "documentation": ["/docs", "/redoc"],
    }

    @app.head("/", include_in_schema=False)
    @app.get("/", tags=["service"], response_model=schemas.Welcome)
    async def root():
        """What runs here, and the models it answers with."""
        return Response(orjson.dumps(welcome), media_type=JSON_TYPE)

    @app.head("/health", include_in_schema=False)
    @app.get("/health", tags=["service"], response_model=schemas.Health)
    async def health():
        """Whether the service is ready; its models are loaded before it answers at all."""
        return Response(b'{"status":"ok"}', media_type=JSON_TYPE)

    @app.get("/metrics", tags=["service"], response_class=PlainTextResponse)
    async def prometheus():
        """Counts, durations and the drift of what is asked, as Prometheus reads them."""
        await app.state.asked.measure()
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_films(app: FastAPI) -> None:
    forecasts, shadow = app.state.forecasts, app.state.shadow
    revenues, successes = Together(forecasts.revenues), Together(forecasts.successes)
    compared = Together(forecasts.all_comparables)
    described_film = Body(openapi_examples=schemas.FILM_EXAMPLES)
    described_engagement = Body(openapi_examples=schemas.ENGAGEMENT_EXAMPLES)

    async def revenue(film: Annotated[schemas.Film, described_film]):
        """What a film will earn worldwide, with an interval and what moved the forecast."""
        answer = await revenues.ask(film.__dict__)
        if shadow is not None:
            shadow.follow(film.__dict__, answer)
        return answer

    async def success(film: Annotated[schemas.Film, described_film]):
        """Whether a film will earn more than 1.5 times its budget."""
        return await successes.ask(film.__dict__)

    async def comparables(film: Annotated[schemas.Film, described_film]):
        """The known films that are most like a film, and what they earned."""
        return await compared.ask(film.__dict__)

    async def hit(film: Annotated[schemas.Engagement, described_engagement]):
        """Whether a film is a hit with those who watch it."""
        return forecasts.hit(film.__dict__)

    async def segment(film: Annotated[schemas.Engagement, described_engagement]):
        """Which audience segment a film belongs to."""
        return forecasts.segment(film.__dict__)

    for endpoint, answer in (
        (revenue, schemas.Revenue),
        (success, schemas.Success),
        (comparables, schemas.Comparables),
        (hit, schemas.Hit),
        (segment, schemas.Segment),
    ):
        app.router.add_api_route(
            f"/predict/{endpoint.__name__}",
            endpoint,
            methods=["POST"],
            tags=["films"],
            response_model=answer,
            responses=BODY_ANSWERS,
            route_class_override=JsonRoute,
        )


def _add_media(app: FastAPI) -> None:
    forecasts, media = app.state.forecasts, app.state.media

    @app.post(
        "/predict/poster",
        tags=["films"],
        response_model=schemas.PosterRevenue,
        responses=FORM_ANSWERS,
    )
    async def poster(
        request: Request,
        file: Annotated[UploadFile, File(description=f"The poster: {IMAGE}.")],
    ):
        """What a film will earn, from its poster alone."""
        return await _looked_at(request, media.poster, file=file)

    @app.post(
        "/predict/multimodal",
        tags=["films"],
        response_model=schemas.RevenueClasses,
        responses=FORM_ANSWERS,
    )
    async def multimodal(
        request: Request,
        text: Annotated[
            str,
            Form(
                min_length=1,
                max_length=MOST_TEXT,
                description="The plot in words; of a long text the start is read.",
                examples=["A paraplegic marine is sent to the moon Pandora."],
            ),
        ],
        film: Annotated[
            str | None,
            Form(
                max_length=MOST_TEXT,
                description="What is known of the film, as JSON that /predict/revenue takes. "
                "What exists after release alone is not used.",
                examples=[FILM_EXAMPLE],
            ),
        ] = None,
        poster: Annotated[UploadFile | None, File(description=f"{IMAGE}.")] = None,
        trailer: Annotated[UploadFile | None, File(description=f"{VIDEO}.")] = None,
    ):
        """How likely each of eight revenue classes is, from a text and the facts of a film.

        `measured` says how often the model is right with as much. A trailer is looked at where the
        model learned from real ones. Else it is checked, as a poster is, and a warning says why it
        was not used.
        """
        facts, warnings = None, []
        if film is not None:
            facts, warnings = forecasts.facts(_stated_film(film), media.facts())
        ask = partial(media.multimodal, text, facts, warnings)
        return await _looked_at(request, ask, poster=poster, trailer=trailer)


def _stated_film(text: str) -> dict[str, Any]:
    """The film that a form's field states in JSON."""
    try:
        return schemas.Film.model_validate_json(text).__dict__
    except ValidationError as error:
        errors = [each | {"loc": each["loc"] or ("film",)} for each in error.errors()]
        raise HTTPException(422, faults_of(errors, schemas.Film.model_fields)) from error


async def _looked_at(request: Request, ask, **uploads: UploadFile | None) -> Response:
    """Ask a media model; what was uploaded lies in files until it has answered."""
    async with AsyncExitStack() as files:
        paths = {
            name: await files.enter_async_context(stored(upload, request.app.state.temporary))
            for name, upload in uploads.items()
            if upload is not None
        }
        try:
            answer = await unless_gone(request, ask(client=network(request.scope), **paths))
        except UploadFault as error:
            expected = VIDEO if error.field == "trailer" else IMAGE
            name = shown_name(uploads[error.field])
            raise HTTPException(422, [fault(error.field, name, expected, str(error))]) from error
        except MediaUnavailable as error:
            raise HTTPException(503, str(error)) from error
    return Response(orjson.dumps(answer), media_type=JSON_TYPE)


def _add_tables(app: FastAPI) -> None:
    workers = app.state.tables
    binary = {"schema": {"type": "string", "format": "binary"}}
    scored = {
        "description": "The same rows in the same order, with forecasts.",
        "content": dict.fromkeys(TYPES.values(), binary),
    }

    @app.post(
        "/predict/batch",
        tags=["tables"],
        response_class=Response,
        responses=FORM_ANSWERS | {200: scored},
    )
    async def batch(
        request: Request,
        file: Annotated[UploadFile, File(description=f"The films: {TABLE}.")],
        format: Annotated[
            Format | None,
            Query(description="The answer's format; else that of Accept, else the upload's."),
        ] = None,
        comparables: Annotated[
            bool,
            Query(description="Whether to add `comparable_1` to `comparable_5`; it takes longer."),
        ] = False,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
    ):
        """A forecast for every row of a table: a CSV or Parquet file in the TMDB 5000 schema.

        `budget` and `release_date` are needed. The rows come back in order with the columns
        `predicted_revenue` (typical), `expected_revenue` (mean), `revenue_lower`, `revenue_upper`
        (dollars of the film's time), `probability_success`, `model`, `warnings` and `error`, which
        tells what is wrong with a row that has no forecast.
        """
        async with AsyncExitStack() as needed:
            worker = await needed.enter_async_context(workers.turn(network(request.scope)))
            path = await needed.enter_async_context(stored(file, app.state.temporary))
            with path.open("rb") as table:
                given: Format = "parquet" if table.read(4) == b"PAR1" else "csv"
            out = format or _accepted(accept) or given
            pieces = scored_table(worker, path, given, out, comparables)
            try:
                # Faults of the whole table are found before the answer starts.
                first, _ = await unless_gone(request, anext(pieces))
            except TableError as error:
                name = shown_name(file)
                message = str(error).replace(str(path), name).replace(path.name, name)
                raise HTTPException(422, [fault("file", name, TABLE, message)]) from error
            headers = {"Content-Disposition": f'attachment; filename="scored.{out}"'}
            return Streamed(
                _contents(first, pieces), needed.pop_all(), media_type=TYPES[out], headers=headers
            )


async def _contents(
    first: bytes, pieces: AsyncIterator[tuple[bytes, Summary]]
) -> AsyncIterator[bytes]:
    yield first
    async for piece, _ in pieces:
        yield piece


def _accepted(accept: str) -> Format | None:
    """The first of our formats that a client names."""
    formats = {kind: format for format, kind in TYPES.items()}
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    return next((formats[kind] for kind in kinds if kind in formats), None)


def __getattr__(name: str) -> FastAPI:
    """`app`, made when it is asked for, so that this module can be read without models."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        globals()["app"] = create_app()
    except (ModelFileError, SettingsError) as error:
        sys.exit(f"The service can't start: {error}")
    settle()
    return globals()["app"]
