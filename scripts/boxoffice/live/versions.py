"""Which version of the models a folder holds."""

import hashlib
import json
from pathlib import Path

from boxoffice.core.model_files import load_card

VERSION_FILE = "version.json"  # beside models that were checked out of the registry
FORECASTING = ("revenue_pre_release", "success_pre_release")


def version_of(folder: Path) -> str:
    """The version of the models in a folder, as the forecast log states it.

    It is the registered version ('v1.2.0'), or else, for models that were just trained, the first
    twelve digits of the SHA-256 of the cards of those that forecast films before release. A card
    holds the checksums of its model and of the history that it reads.

    Raises
    ------
    ModelFileError
        If a card is missing or no card.
    """
    stated = Path(folder) / VERSION_FILE
    if stated.is_file():
        return json.loads(stated.read_text(encoding="utf-8"))["version"]
    cards = [load_card(name, Path(folder)) for name in FORECASTING]
    return hashlib.sha256(json.dumps(cards, sort_keys=True).encode()).hexdigest()[:12]
