"""The poster and the multimodal model, which need torch: loaded when they are first asked.

Uploads are decoded by workers; the networks, whose time is bounded, answer here.
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.settings import MIB, Settings
from app.workers import Busy, OutOfMemory, Worker, Workers
from boxoffice.core.model_files import ModelFileError, checked_bytes, load_card
from boxoffice.media.files import MediaError

NAMES = ("poster", "multimodal")
NO_TORCH = "the package torch is not installed: install the packages of the media models"
FILMS = 2  # that are decoded at a time
MEMORY = 512 * MIB


class MediaUnavailable(Exception):
    """A model can't answer; the message says what is missing, and the remedy."""


class UploadFault(MediaError):
    """An upload can't be used; its `field` is `file`, `poster` or `trailer`."""

    def __init__(self, field: str, reason: str):
        super().__init__(reason)
        self.field = field


class Media:
    """The media models.

    Their files are checked against their cards at once, without torch.

    Attributes
    ----------
    cards : dict of name to card
    lacking : dict of name to what is missing, and the remedy

    Raises
    ------
    ModelFileError
        If a file is altered, or one of a pair is missing.
    """

    def __init__(self, settings: Settings):
        self.folder = settings.models
        self.cards: dict[str, dict] = {}
        self.lacking: dict[str, str] = {}
        for name in NAMES:
            self._check(name)
        self._workers = Workers(_decoder, FILMS, MEMORY, settings.timeout, settings.patience)
        self._networks = ThreadPoolExecutor(1)  # a network has all cores
        self._models: dict[str, Future] = {}
        self._most_loading = settings.timeout / 2

    async def poster(self, file: Path, client: str = "") -> dict[str, Any]:
        """Forecast revenue from a poster alone, as `schemas.PosterRevenue`.

        Parameters
        ----------
        file : Path
            It is overwritten.
        client : str
            The address of who asks.

        Raises
        ------
        UploadFault
            If the file isn't an image that can be used.
        MediaUnavailable, Busy, OutOfTime
        """
        async with self._asked("poster", client) as worker:
            await _decoded(worker, "file", file)
            forecast = await self._answer("poster", lambda model: model.predict(file))
        card = self.cards["poster"]
        return {
            "predicted_revenue": forecast["revenue"],
            "interval": {
                "nominal": card["interval"]["nominal"],
                "lower": forecast["lower"],
                "upper": forecast["upper"],
            },
            "model": "poster",
            "warnings": _unlike(forecast["likeness"], card["least_likeness"]) + card["not_for"],
        }

    def facts(self) -> list[str]:
        """The facts that the multimodal model reads, by name; none where it is absent."""
        return list(self.cards.get("multimodal", {}).get("facts", ()))

    async def multimodal(
        self,
        text: str,
        facts: np.ndarray | None = None,
        warnings: Iterable[str] = (),
        poster: Path | None = None,
        trailer: Path | None = None,
        client: str = "",
    ) -> dict[str, Any]:
        """Forecast the revenue class from a plot and whatever else is given.

        The answer is as `schemas.RevenueClasses`. It warns of uploads that the model doesn't read,
        which are checked all the same.

        Parameters
        ----------
        facts : array, optional
            Of the film, in the order of `self.facts()`; NaN is unknown.
        warnings : iterable of str
            What is to be told of the facts.
        poster, trailer : Path, optional
            The poster is overwritten.
        client : str
            The address of who asks.

        Raises
        ------
        UploadFault
            If a file isn't an image or a video that can be used.
        MediaUnavailable, Busy, OutOfTime
        """
        card, watched = self.cards.get("multimodal", {}), None
        async with self._asked("multimodal", client) as worker:
            if poster is not None:
                await _decoded(worker, "poster", poster)
            if trailer is not None:
                watched = await _decoded(worker, "trailer", trailer)
            if "trailer" in card["unread"]:
                watched = None
            probabilities = await self._answer(
                "multimodal", lambda model: model.predict(text, watched, facts)
            )
        given = {"text": text, "metadata": facts, "video": trailer, "audio": trailer}
        names = [name for name in card["widths"] if given[name] is not None]
        uploads = {"poster": poster, "trailer": trailer}
        warnings = [
            *warnings,
            *(
                f"{name}: not used, for the model does not read it: {why}"
                for name, why in card["unread"].items()
                if uploads[name] is not None
            ),
        ]
        if "metadata" in card["widths"] and facts is None:
            warnings.append("film: not given, so its facts count as those of a typical film")
        return {
            "predicted_class": max(probabilities, key=probabilities.get),
            "probabilities": probabilities,
            "edges_usd": card["edges_usd"],
            "model": "multimodal",
            "measured": {
                "given": ["facts" if name == "metadata" else name for name in names],
                **card["metrics"]["_".join(names)],
            },
            "warnings": warnings + card["not_for"],
        }

    def _check(self, name: str) -> None:
        card, weights = (self.folder / f"{name}.{suffix}" for suffix in ("json", "safetensors"))
        if not card.exists() and not weights.exists():
            missing = f"{card.parent.name}/{card.name} is missing"
            self.lacking[name] = f"{missing}: run `dvc repro {name}`"
            return
        self.cards[name] = load_card(name, self.folder)
        checked_bytes(weights, self.cards[name]["sha256"])
        if importlib.util.find_spec("torch") is None:
            self.lacking[name] = NO_TORCH

    @asynccontextmanager
    async def _asked(self, name: str, client: str) -> AsyncIterator[Worker]:
        """A worker for a client that asks a model, which is there."""
        if name in self.lacking:
            raise MediaUnavailable(self.lacking[name])
        async with self._workers.turn(client) as worker:
            yield worker

    async def _answer(self, name: str, ask: Callable[[Any], Any]) -> Any:
        """What a model answers; it is loaded by the first who asks."""
        if name not in self._models:
            self._models[name] = self._networks.submit(self._load, name)
        loading = asyncio.wrap_future(self._models[name])
        if not (await asyncio.wait([loading], timeout=self._most_loading))[0]:
            raise Busy(f"the {name} model is being loaded: try again in some seconds")
        try:
            model = await loading
        except Exception:
            self._models.pop(name, None)  # the next who asks has it tried anew
            raise
        return await asyncio.get_running_loop().run_in_executor(self._networks, ask, model)

    def _load(self, name: str) -> Any:
        try:
            from boxoffice.media.encoders import WeightsError

            if name == "poster":
                from boxoffice.networks.poster_model import PosterModel as Model
            else:
                from boxoffice.networks.multimodal_model import MultimodalModel as Model
            return Model(self.folder)
        except ImportError as error:
            raise MediaUnavailable(f"the package {error.name} is not installed") from error
        except (ModelFileError, WeightsError) as error:
            raise MediaUnavailable(str(error)) from error


def _unlike(likeness: float, least: float) -> list[str]:
    """A warning where a picture is less like the posters of training than `least`."""
    if likeness >= least:
        return []
    return [
        "the picture is unlike the posters that the model learned from (similarity "
        f"{likeness:.2f}, theirs at least {least:.2f}): the forecast means nothing for it"
    ]


def _decoder() -> Callable[..., Iterator[Any]]:
    """What decodes uploads, for workers: it needs no torch."""
    from boxoffice.media.posters import write_bitmap
    from boxoffice.media.trailers import read_trailer

    def decoded(field: str, file: Path) -> Iterator[Any]:
        yield read_trailer(file) if field == "trailer" else write_bitmap(file, file)

    return decoded


async def _decoded(worker: Worker, field: str, file: Path) -> Any:
    """A trailer as arrays, or a poster in place, as a bitmap that is safe to open here."""
    try:
        (answer,) = [answer async for answer in worker.ask(field, file)]
        return answer
    except OutOfMemory as error:
        reason = f"damaged, or takes more than {MEMORY // MIB} MiB of memory when decoded"
        raise UploadFault(field, reason) from error
    except MediaError as error:
        raise UploadFault(field, str(error)) from error
