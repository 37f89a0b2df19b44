"""The service's settings, read from environment variables named BOXOFFICE_..."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from boxoffice.live.versions import served_models

PREFIX = "BOXOFFICE_"
KIB, MIB, GIB = 1024, 1024**2, 1024**3

Bytes = Annotated[int, Field(gt=0, le=1024 * GIB)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _check_rate(text: str) -> str:
    from limits import parse_many  # takes a while, and few services need it

    if len(parse_many(text)) > 1:
        raise ValueError("state one rate")
    return text


class SettingsError(Exception):
    """A setting can't be read; the message names the variable, its value and what was expected."""


class Settings(BaseSettings):
    """Settings of one service: arguments first, then the environment, then the defaults."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    models: Path = Field(
        default_factory=served_models,
        description="folder of the exported models: models/champion, or else models",
    )
    shadow: Path | None = Field(
        None, description="folder of a challenger's models, which forecast beside these, unseen"
    )
    page: bool = Field(True, description="whether the web page is served, at /ui")
    max_body: Bytes = Field(64 * KIB, description="largest JSON body, in bytes")
    max_upload: Bytes = Field(50 * MIB, description="largest poster or trailer, in bytes")
    max_table: Bytes = Field(2 * GIB, description="largest table of films, in bytes")
    timeout: Seconds = Field(
        30.0, description="seconds for an answer; for a table, between two pieces of it"
    )
    patience: Seconds = Field(
        5.0, description="seconds to wait for a turn where requests are served one at a time"
    )
    tables: int = Field(
        4, gt=0, le=1000, description="tables that are scored at once; a client gets half of them"
    )
    key: SecretStr | None = Field(None, description="what clients must state, if any")
    rate: Annotated[str, AfterValidator(_check_rate)] | None = Field(
        None, description="POST requests that a client may send, such as 60/minute"
    )
    frame_ancestors: str = Field(
        "'none'",
        pattern=r"^[!-~&&[^;,]]+( [!-~&&[^;,]]+)*$",  # it stands in a header
        description="sites that may frame the service",
    )

    @classmethod
    def from_env(cls) -> "Settings":
        """Read the settings from the environment.

        Raises
        ------
        SettingsError
            If a value isn't of its setting's type, or is out of bounds.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = [
                f"{PREFIX}{each['loc'][0].upper()} is {each['input']!r}: {each['msg']}"
                for each in error.errors()
            ]
            raise SettingsError("; ".join(faults)) from error
