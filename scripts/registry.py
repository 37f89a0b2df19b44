"""Versions of the models and their roles. See `python scripts/registry.py --help`."""

from enum import StrEnum
from typing import Annotated

import typer

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError
from boxoffice.live import registry
from boxoffice.live.versions import CHALLENGER, CHAMPION

app = typer.Typer(add_completion=False, no_args_is_help=True)


class RoleName(StrEnum):
    """What a version can be."""

    champion = CHAMPION
    challenger = CHALLENGER


@app.callback()
def about() -> None:
    """Register versions of the models, give them roles, and bring them here.

    A version is all files of models/ at one commit. The champion answers; the
    challenger forecasts the same films beside it, unseen.

    For example, after `make repro` and a commit:

      python scripts/registry.py register

      python scripts/registry.py promote v1.1.0 --to challenger

      python scripts/registry.py promote v1.1.0

      python scripts/registry.py checkout

    Then others need `git push --tags` and `dvc push`.
    """


@app.command()
def register(
    version: Annotated[
        str | None, typer.Option(help="Such as v2.0.0; else the next minor version.")
    ] = None,
) -> None:
    """Register the commit that is checked out as a version."""
    release = registry.register(paths.ROOT, version)
    typer.echo(f"{release.version} is commit {release.commit[:12]}")


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Such as v1.1.0.")],
    to: Annotated[RoleName, typer.Option(help="The role that it gets.")] = RoleName.champion,
    because: Annotated[
        str, typer.Option(help="Why it becomes champion although its backtest is worse.")
    ] = "",
) -> None:
    """Give a version a role.

    A version whose backtest is worse than the champion's, beyond its noise, is
    refused as champion unless you say why. The reason stands in the tag.
    """
    typer.echo(f"{version} is {to}: {registry.promote(paths.ROOT, version, to, because)}")


@app.command()
def checkout(
    role: Annotated[RoleName | None, typer.Argument(help="One role; else both.")] = None,
) -> None:
    """Bring the versions of the roles to models/champion and models/challenger."""
    for each in [role] if role else RoleName:
        release = registry.check_out(paths.ROOT, each)
        typer.echo(f"models/{each}: {release.version}" if release else f"no {each}")


@app.command()
def show() -> None:
    """List the versions, the newest first, and their roles."""
    for release in registry.releases(paths.ROOT):
        typer.echo(f"{release.version}  {release.registered}  commit {release.commit[:12]}")
        for name, role in release.roles.items():
            typer.echo(f"  {name} since {role.since}, by {role.author}: {role.why}")


if __name__ == "__main__":
    with one_line_errors(SourceError, registry.Refused):
        app()
