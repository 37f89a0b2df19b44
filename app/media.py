"""The poster and the multimodal model, which need torch: loaded when they are first asked."""

import importlib.util
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from boxoffice.core import paths
from boxoffice.core.model_files import ModelFileError, checked_bytes, load_card
from boxoffice.media.files import MediaError

NAMES = ("poster", "multimodal")
NO_TORCH = "the package torch is not installed: install the packages of the media models"


class MediaUnavailable(Exception):
    """A model can't answer; the message says what is missing, and the remedy."""


class MediaBusy(Exception):
    """Another film is being answered; try again later."""


class UploadFault(MediaError):
    """An upload can't be used; its `field` is `file`, `poster` or `trailer`."""

    def __init__(self, field: str, reason: str):
        super().__init__(reason)
        self.field = field


class Media:
    """The media models, which answer one film at a time.

    Their files are checked against their cards at once, without torch.

    Parameters
    ----------
    folder : Path
        The `models/` that `dvc repro` writes.
    patience : float
        Seconds that a film waits for its turn.

    Attributes
    ----------
    cards : dict of name to card
    lacking : dict of name to what is missing, and the remedy

    Raises
    ------
    ModelFileError
        If a file is altered, or one of a pair is missing.
    """

    def __init__(self, folder: Path = paths.MODELS, patience: float = 5.0):
        self.folder, self.patience = Path(folder), patience
        self.cards: dict[str, dict] = {}
        self.lacking: dict[str, str] = {}
        self._models: dict[str, Any] = {}
        self._turn = threading.Lock()
        for name in NAMES:
            self._check(name)

    def poster(self, file: Path) -> dict[str, Any]:
        """Forecast revenue from a poster alone, as `schemas.PosterRevenue`.

        Raises
        ------
        UploadFault
            If the file isn't an image that can be used.
        MediaUnavailable, MediaBusy
        """
        with self._asked("poster") as model, _reading("file"):
            forecast = model.predict(file)
        card = self.cards["poster"]
        return {
            "predicted_revenue": forecast["revenue"],
            "interval": {
                "nominal": card["interval"]["nominal"],
                "lower": forecast["lower"],
                "upper": forecast["upper"],
            },
            "model": "poster",
            "warnings": list(card["not_for"]),
        }

    def facts(self) -> list[str]:
        """The facts that the multimodal model reads, by name; none where it is absent."""
        return list(self.cards.get("multimodal", {}).get("facts", ()))

    def multimodal(
        self,
        text: str,
        facts: np.ndarray | None = None,
        warnings: Iterable[str] = (),
        poster: Path | None = None,
        trailer: Path | None = None,
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

        Raises
        ------
        UploadFault
            If a file isn't an image or a video that can be used.
        MediaUnavailable, MediaBusy
        """
        with self._asked("multimodal") as model:
            card = self.cards["multimodal"]
            if poster is not None:
                from boxoffice.media.posters import read_poster

                with _reading("poster"):
                    read_poster(poster)
            with _reading("trailer"):
                if trailer is not None and "trailer" in card["unread"]:
                    from boxoffice.media.trailers import read_trailer

                    read_trailer(trailer)
                probabilities = model.predict(text, trailer, facts)
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

    @contextmanager
    def _asked(self, name: str) -> Iterator[Any]:
        """The model, for as long as it is this film's turn."""
        if name in self.lacking:
            raise MediaUnavailable(self.lacking[name])
        if not self._turn.acquire(timeout=self.patience):
            raise MediaBusy(f"another film is being looked at: try again in {self.patience:g} s")
        try:
            if name not in self._models:
                self._models[name] = self._load(name)
            yield self._models[name]
        finally:
            self._turn.release()

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


@contextmanager
def _reading(field: str) -> Iterator[None]:
    """Name the form's field whose file can't be read."""
    try:
        yield
    except MediaError as error:
        raise UploadFault(field, str(error)) from error
