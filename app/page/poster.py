"""A poster: the answer to it."""

from pathlib import Path

from app.media import Media, MediaUnavailable
from app.page.pictures import Scale, fault, render
from app.workers import Busy, OutOfTime
from boxoffice.media.files import MediaError

UNREADABLE = "Posters can’t be read here"


class PosterAnswers:
    """Answers to an upload as HTML."""

    def __init__(self, media: Media, scale: Scale):
        self._media = media
        self._scale = scale

    def invitation(self) -> str:
        """What stands there before anything was asked."""
        if "poster" in self._media.lacking:
            return fault(UNREADABLE, self._media.lacking["poster"])
        text = "Choose a poster and ask what it suggests."
        return render("empty", text=text, picture=self._scale.picture())

    async def answer(self, path: Path, name: str, client: str) -> tuple[str, int]:
        """HTML of the forecast for an image, or why there is none, and its HTTP status.

        `name` is what its sender calls it, and `client` the sender's address.
        """
        try:
            revenue = await self._media.poster(path, client)
        except MediaUnavailable as error:
            return fault(UNREADABLE, str(error)), 503
        except Busy as error:
            return fault("Please try again later", str(error)), 503
        except OutOfTime as error:
            return fault("This image takes too long to read", str(error)), 504
        except MediaError as error:
            return fault("This image can’t be used", str(error)), 422
        card = self._media.cards["poster"]
        html = render(
            "poster_answer",
            name=name,
            revenue=revenue,
            stand_in=card["media"] == "stand_in",
            warnings=[text for text in revenue["warnings"] if text not in card["not_for"]],
            picture=self._scale.picture(revenue),
            limits=card["not_for"],
        )
        return html, 200
