"""Which version of the models a folder holds, and which folder answers."""

import hashlib
import json
from pathlib import Path

from boxoffice.core import paths
from boxoffice.core.model_files import ModelFileError, load_card

VERSION_FILE = "version.json"  # beside models that were checked out of the registry
FORECASTING = ("revenue_pre_release", "success_pre_release")
CHAMPION, CHALLENGER = "champion", "challenger"


def served_models() -> Path:
    """The folder that answers unless another is named: the champion's, or else `models/` itself."""
    champion = paths.MODELS / CHAMPION
    # A link to nowhere counts too: other models must not answer in its place.
    return champion if champion.exists() or champion.is_symlink() else paths.MODELS


def version_of(folder: Path) -> str:
    """The version of the models in a folder, as the forecast log states it; see `release_of`."""
    return release_of(folder)["version"]


def release_of(folder: Path) -> dict[str, str | None]:
    """The `version` of the models in a folder, and their `role` in the registry.

    The version is the registered one ('v1.2.0'), or else, for models that were just trained and
    have no role, the first twelve digits of the SHA-256 of the cards of those that forecast films
    before release. A card holds the checksums of its model and of the history that it reads.

    Raises
    ------
    ModelFileError
        If a card is missing or no card, or what the registry wrote can't be read.
    """
    stated = Path(folder) / VERSION_FILE
    if stated.is_file():
        try:
            found = json.loads(stated.read_text(encoding="utf-8"))
            return {"version": found["version"], "role": found["role"]}
        except (ValueError, KeyError, TypeError) as error:
            raise ModelFileError(
                f"{stated} states no version and role ({error!r}): run `make champion`"
            ) from error
    cards = [load_card(name, Path(folder)) for name in FORECASTING]
    digest = hashlib.sha256(json.dumps(cards, sort_keys=True).encode()).hexdigest()
    return {"version": digest[:12], "role": None}
