"""Put the service on a Hugging Face Space. See `python -m app.space --help`.

This is a command beside the service: nothing of the service imports it, and the image is built
without it.
"""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.model_files import ModelFileError
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.live.versions import served_models, version_of
from boxoffice.sources.tmdb_api import ATTRIBUTION

# What the Dockerfile copies, beside the models; only what git tracks is published.
TRACKED = ("Dockerfile", "LICENSE", "Pipfile", "Pipfile.lock", "app", "scripts/boxoffice")
NOT_SERVED = ":!app/space.py"
# The header is what Spaces read: huggingface.co/docs/hub/spaces-config-reference
README = """\
---
title: Box office
emoji: 🎬
colorFrom: indigo
colorTo: yellow
sdk: docker
app_port: 8000
base_path: /ui
pinned: false
license: mit
short_description: What will a film earn? Forecasts with intervals
---

# Box office: what will a film earn?

Describe a film, released or still to come, and get its worldwide revenue with an interval, the
chance that it earns 1.5 times its budget, what moved the forecast, and five comparable films. The
page takes whole tables too. The API is documented at `/docs`.

The models are version {version}. They learned from films of the source `{source}` that were
released until {until}.
"""
# Variables that are set on the Space itself win over these.
SETTINGS = """
# On a Space: its page shows the service in a frame, and all requests come through the platform's
# proxies, which have private addresses.
ENV BOXOFFICE_FRAME_ANCESTORS=https://huggingface.co \\
    BOXOFFICE_RATE=60/minute \\
    FORWARDED_ALLOW_IPS=10.0.0.0/8,172.16.0.0/12,192.168.0.0/16
"""

app = typer.Typer(add_completion=False)


class SpaceError(Exception):
    """The Space can't be made; the message says why and what to do."""


@app.command(no_args_is_help=True)
def space(
    repo: Annotated[
        str | None, typer.Argument(metavar="USER/NAME", help="The Space, made if there is none.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write the Space's files to this new folder; push nothing.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(help="Folder of models, by default models/champion, or else models."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Of a new Space: only you can see it.")
    ] = False,
) -> None:
    """Push the service, with its page and its models, to a Hugging Face Space.

    The Space is of the kind Docker and builds this checkout's Dockerfile. It
    gets the files that git tracks, as they are now, and the models; files of
    an earlier push that are gone here are removed there.

    Pushing needs a token with write access (huggingface.co/settings/tokens)
    in HF_TOKEN, or `hf auth login` beforehand.

    Examples:

      python -m app.space --to space

      python -m app.space me/box-office
    """
    if bool(repo) == bool(to):
        raise SpaceError("give USER/NAME to push, or --to a new folder")
    if to and to.exists():
        raise SpaceError(f"{to} exists: give a new folder")
    with TemporaryDirectory(dir=to.absolute().parent if to else None) as temporary:
        folder = Path(temporary) / "space"
        write_space(folder, models or served_models())
        if to:
            folder.rename(to)
            typer.echo(f"{to} holds the Space's files; nothing was pushed")
        else:
            typer.echo(f"pushed to {push(folder, repo, private)}")


def write_space(folder: Path, models: Path) -> None:
    """Write the files of a Space to a new folder.

    Raises
    ------
    ModelFileError
        If a model is missing or altered, which would else end the build on the Space.
    SpaceError
        If this is no git checkout.
    """
    cards = Forecasts(models).cards
    for name in tracked_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.ROOT / name, folder / name)
    (folder / "models").mkdir()
    for file in models.iterdir():
        if file.is_file():  # champion and challenger are folders
            shutil.copyfile(file, folder / "models" / file.name)
    with (folder / "Dockerfile").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    (folder / "README.md").write_text(readme(models, cards), encoding="utf-8")


def tracked_files() -> list[str]:
    """Paths of the service's files from the root of the checkout, as git has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *TRACKED, NOT_SERVED],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        raise SpaceError(f"git can't list the files to publish: {listed.stderr.strip()}")
    return listed.stdout.split("\0")[:-1]


def readme(models: Path, cards: dict[str, dict]) -> str:
    """The Space's README.md: the header that Spaces read, and which models answer."""
    card = cards["revenue_pre_release"]
    text = README.format(
        version=version_of(models), source=card["source"], until=card["trained_until"]
    )
    return f"{text}\n{ATTRIBUTION}\n" if card["source"].startswith("tmdb") else text


def push(folder: Path, repo: str, private: bool) -> str:
    """Make the Space if there is none, make its files those of the folder, and return its address.

    Raises
    ------
    SpaceError
        If no token is set, the name of the Space is none, or the Hub can't be reached.
    OSError
        If the Hub refuses.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read on import
    from httpx2 import TransportError  # of huggingface_hub
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError

    if not get_token():
        raise SpaceError(
            "no token: set HF_TOKEN to one with write access (huggingface.co/settings/tokens)"
        )
    try:
        hub = HfApi(library_name="boxoffice")
        made = hub.create_repo(
            repo, repo_type="space", space_sdk="docker", private=private or None, exist_ok=True
        )
        hub.upload_folder(
            repo_id=made.repo_id,
            repo_type="space",
            folder_path=folder,
            delete_patterns="*",
            commit_message=f"Models {version_of(folder / 'models')}",
        )
    except HFValidationError as error:
        raise SpaceError(f"{repo} is no name of a Space: {error}") from error
    except TransportError as error:
        raise SpaceError(f"the Hub can't be reached ({error}): run the command again") from error
    except RuntimeError as error:  # of hf_xet, which uploads the models
        raise SpaceError(f"the models can't be uploaded: {error}: run the command again") from error
    return str(made)


if __name__ == "__main__":
    with one_line_errors(SpaceError, ModelFileError):
        app()
