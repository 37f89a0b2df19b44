"""What can be set about the service, by environment variables named BOXOFFICE_..."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from boxoffice import paths

PREFIX = "BOXOFFICE_"
NO = ("0", "false", "no", "off")
KIB, MIB, GIB = 1024, 1024**2, 1024**3


class SettingsError(Exception):
    """A setting can't be read; the message names the variable and what it takes."""


@dataclass(frozen=True)
class Settings:
    """Settings of one service.

    Attributes
    ----------
    models : Path
        Folder of the exported models and their cards.
    page : bool
        Whether the web page is served, at /ui.
    max_body, max_upload, max_table : int
        Bytes of a JSON body, of an upload of posters and trailers, and of a table of films.
    timeout : float
        Seconds for a request; of a table, and of whatever streams, between two pieces of it.
    patience : float
        Seconds that a request waits for its turn where one is served at a time.
    tables : int
        Tables that are scored at once.
    """

    models: Path = paths.MODELS
    page: bool = True
    max_body: int = 64 * KIB
    max_upload: int = 50 * MIB
    max_table: int = 2 * GIB
    timeout: float = 30.0
    patience: float = 5.0
    tables: int = 4

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from variables such as BOXOFFICE_MAX_BODY; what isn't set keeps its default.

        Raises
        ------
        SettingsError
            If a number can't be read or isn't above 0.
        """
        stated = {
            field.name: _value(PREFIX + field.name.upper(), field.type, text)
            for field in fields(cls)
            if (text := environment.get(PREFIX + field.name.upper(), "").strip())
        }
        return cls(**stated)


def _value(variable: str, kind: type, text: str):
    if kind is bool:
        return text.lower() not in NO
    if kind is Path:
        return Path(text)
    try:
        number = kind(text)
    except ValueError as error:
        raise SettingsError(f"{variable} is {text!r}, expected a number") from error
    if not 0 < number < float("inf"):
        raise SettingsError(f"{variable} is {text!r}, expected a number above 0")
    return number
