"""The tab for a poster: the answer to it."""

from pathlib import Path
from typing import Any

from app.media import Media, MediaBusy, MediaUnavailable
from app.page.pictures import Scale, fault, render
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

    def answer(self, upload: Any) -> str:
        """The forecast for an image, or why there is none."""
        path = (upload or {}).get("path")
        if path is None:
            return fault("Please choose an image", "JPEG, PNG, WebP, GIF, BMP and AVIF are read.")
        try:
            revenue = self._media.poster(Path(path))
        except MediaUnavailable as error:
            return fault(UNREADABLE, str(error))
        except MediaBusy as error:
            return fault("Another poster is being looked at", str(error))
        except MediaError as error:
            return fault("This image can’t be used", str(error))
        return render(
            "poster",
            revenue=revenue,
            stand_in=self._media.cards["poster"]["media"] == "stand_in",
            picture=self._scale.picture(revenue),
            limits=revenue["warnings"],
        )
