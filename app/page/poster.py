"""The tab for a poster: the answer to it."""

from pathlib import Path
from typing import Any

from app.media import Media, MediaBusy, MediaUnavailable
from app.page.film import caption, scale_caption
from app.page.pictures import Scale, render
from boxoffice.media.files import MediaError


class PosterAnswers:
    """Answers to an upload as HTML."""

    def __init__(self, media: Media, scale: Scale):
        self._media = media
        self._scale = scale

    def invitation(self) -> str:
        """What stands there before anything was asked."""
        if "poster" in self._media.lacking:
            return _fault("Posters can’t be read here", self._media.lacking["poster"])
        return render(
            "empty",
            heading="What the known films earned",
            text="Choose a poster and ask what it suggests.",
            picture=self._scale.picture(),
            caption=scale_caption(self._scale),
        )

    def answer(self, upload: Any) -> str:
        """The forecast for an image, or why there is none."""
        path = (upload or {}).get("path")
        if path is None:
            return _fault("Please choose an image", "JPEG, PNG, WebP, GIF, BMP and AVIF are read.")
        try:
            revenue = self._media.poster(Path(path))
        except MediaUnavailable as error:
            return _fault("Posters can’t be read here", str(error))
        except MediaBusy as error:
            return _fault("Another poster is being looked at", str(error))
        except MediaError as error:
            return _fault("This image can’t be used", str(error))
        picture = self._scale.picture(revenue["predicted_revenue"], revenue["interval"])
        return render(
            "poster",
            revenue=revenue,
            stand_in=self._media.cards["poster"]["media"] == "stand_in",
            picture=picture,
            caption=caption(picture),
            limits=revenue["warnings"],
        )


def _fault(heading: str, text: str) -> str:
    return render("faults", heading=heading, faults=[("", text)])
