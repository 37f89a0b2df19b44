"""The registry of models: versions and roles are tags of Git, the files lie in DVC's cache.

A version is all files of `models/` at one commit: revenue and success share features and history,
so both artifacts of dvc.yaml get the same version and role at the same commit. GTO writes and reads
the tags: `revenue@v1.0.0` registers a version, `revenue#champion#1` gives it a role.
"""

import fcntl
import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkdtemp

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.repo import Repo
from gto import api as gto
from gto.exceptions import ArtifactNotFound, GTOException
from gto.versions import SemVer

from boxoffice.core.files import SourceError, replacing
from boxoffice.core.model_files import ModelFileError
from boxoffice.core.reports import write_json
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.live.promotion import HELD_OUT_FORECASTS, backtest_comparison, worse_in_words
from boxoffice.live.versions import CHALLENGER, CHAMPION, VERSION_FILE

# Tagged in this order. The tags of the last one count, so that half a promotion is none.
ARTIFACTS = ("success", "revenue")
FIRST_VERSION = "v1.0.0"


class Refused(Exception):
    """A promotion that would make the forecasts worse; the message says where and what to do."""


@dataclass(frozen=True)
class Role:
    """Since when a version has a role, who gave it, and why."""

    since: date
    author: str
    why: str


@dataclass(frozen=True)
class Release:
    """A registered version: its commit, the day it was registered, and its roles by name."""

    version: str
    commit: str
    registered: date
    roles: dict[str, Role]


def releases(root: Path) -> list[Release]:
    """The registered versions of the checkout at `root`, the newest first."""
    try:
        found = gto.show(str(root), ARTIFACTS[-1])
    except ArtifactNotFound:
        return []
    return [
        Release(
            each["version"],
            each["commit_hexsha"],
            each["created_at"].date(),
            {role["stage"]: _role(role) for role in each["stages"]},
        )
        for each in found
        if each["registrations"]
    ]


def _role(given: dict) -> Role:
    head = _head(given["artifact"], given["version"], given["stage"])
    why = given["message"].removeprefix(head)
    return Role(given["created_at"].date(), given["author"], why)


def _head(artifact: str, version: str, role: str) -> str:
    """How the message of a role's tag begins; the reason follows."""
    return f"{artifact} {version} is {role}: "


def release_named(root: Path, version: str) -> Release:
    """A registered version.

    Raises
    ------
    SourceError
        If there is none of that name.
    """
    known = releases(root)
    for release in known:
        if release.version == version:
            return release
    names = ", ".join(release.version for release in known) or "none yet"
    raise SourceError(
        f"{version} is not registered ({names}): run `python scripts/registry.py register`, "
        "or `git fetch --tags`"
    )


def holder(root: Path, role: str) -> Release | None:
    """The version that has a role, if any; a challenger that became the champion is none."""
    for release in releases(root):
        if role in release.roles:
            return None if role == CHALLENGER and CHAMPION in release.roles else release
    return None


def register(root: Path, version: str | None = None) -> Release:
    """Register the commit that is checked out, once its models can be had and load.

    Without a `version` it is the next minor one. A registration that ended half way is finished.

    Raises
    ------
    SourceError
        If the models can't be used, or the commit or the version is registered otherwise.
    """
    files = _files_at(root, "HEAD")
    if files.read_bytes("dvc.lock") != (root / "dvc.lock").read_bytes():
        raise SourceError(f"{root / 'dvc.lock'} is not the committed one: commit it, then register")
    known, commit = releases(root), files.repo.get_rev()
    for release in known:
        if release.commit == commit and version in (None, release.version):
            return release
    with TemporaryDirectory() as folder:
        fetch_models(root, commit, Path(folder))
    if version is None:
        version = SemVer(known[0].version).bump_minor().version if known else FIRST_VERSION
    # What an earlier run that ended half way has tagged.
    new = version not in {release.version for release in known}
    tagged = _tags_at(files, version, commit) if new else ()
    try:
        for name in ARTIFACTS:
            if f"{name}@{version}" not in tagged:
                gto.register(str(root), name, commit, version, f"{name} {version}", force=True)
    except GTOException as error:
        raise SourceError(f"{version} can't be registered: {error}") from error
    return release_named(root, version)


def _tags_at(files: DVCFileSystem, version: str, commit: str) -> list[str]:
    """The tags of a version that is not registered yet; they must all be of this commit."""
    names = [f"{name}@{version}" for name in ARTIFACTS]
    found = {name: tag for name in names if (tag := files.repo.scm.get_tag(name))}
    for name, tag in found.items():
        if getattr(tag, "target", None) != commit:  # that of a tag without a message has none
            raise SourceError(
                f"{version} can't be registered: the tag {name} is there and doesn't register "
                f"{commit[:12]}; a registration of another commit may have ended half way. "
                f"Finish that one there, or run `git tag -d {name}`"
            )
    return list(found)


def promote(root: Path, version: str, role: str, because: str = "") -> str:
    """Give a version a role; return why, which stands in the tags' message.

    Raises
    ------
    Refused
        If it is to be champion, nothing is said for it, and its backtest is worse than the
        champion's beyond its noise or can't be compared.
    SourceError
        If the version is not registered.
    """
    release, champion = release_named(root, version), holder(root, CHAMPION)
    if role in release.roles:
        return release.roles[role].why
    if champion is None:
        why = because or "there is no champion yet"
    elif role == CHAMPION:
        why = _why_instead(root, champion, release, because)
    elif release == champion:
        why = "it is the champion, so there is no challenger any more"
    else:
        why = because or f"beside the champion {champion.version}"
    for name in ARTIFACTS:
        message = _head(name, version, role) + why
        # By force, as a version may get back a role that it had before.
        gto.assign(str(root), name, role, version, message=message, force=True)
    return why


def _why_instead(root: Path, champion: Release, candidate: Release, because: str) -> str:
    """Why a candidate may take the champion's place."""
    try:
        worse = worse_in_words(backtests(root, champion, candidate))
    except SourceError as error:
        found = f"its backtest can't be compared with {champion.version}'s: {error}"
    else:
        found = f"its backtest is worse than {champion.version}'s: {'; '.join(worse)}"
        if not worse:
            found = f"its backtest is not worse than {champion.version}'s beyond its noise"
            return f"{because}; {found}" if because else found
    if not because:
        raise Refused(f"{candidate.version} is not promoted, as {found}. --because says why it is")
    return f"{because}; {found}"


def backtests(root: Path, champion: Release, candidate: Release) -> pd.DataFrame:
    """Compare two versions as `promotion.backtest_comparison` does.

    Raises
    ------
    SourceError
        If they can't be compared.
    """
    sources, tables = [], []
    for release in (champion, candidate):
        files = _files_at(root, release.commit)
        try:
            metrics = json.loads(files.read_text("reports/metrics/regress.json"))
            tables.append(
                {
                    target: pd.read_csv(files.open(path))
                    for target, path in HELD_OUT_FORECASTS.items()
                }
            )
        except FileNotFoundError as error:
            raise SourceError(_not_there(release.version, error)) from error
        sources.append(metrics["source"])
    if len(set(sources)) > 1:
        raise SourceError(
            f"{champion.version} learned from {sources[0]} and {candidate.version} from "
            f"{sources[1]}: their backtests are of different films"
        )
    return backtest_comparison(*tables)


def check_out(root: Path, role: str) -> Release | None:
    """Write the version of a role to `models/<role>`, whole or not at all.

    The folder is complete and has loaded before a link points to it. Without a version of that role
    there is no such folder afterwards, and None is returned.

    Raises
    ------
    SourceError
        If the models can't be used.
    """
    release, link = holder(root, role), root / "models" / role
    if release is None:
        link.unlink(missing_ok=True)
        return None
    beside = link.with_name(f".{role}")
    beside.mkdir(parents=True, exist_ok=True)
    with (beside / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time
        folder = Path(mkdtemp(prefix=f"{release.version}-", dir=beside))
        folder.chmod(0o755)  # the service may run as somebody else
        fetch_models(root, release.commit, folder)
        given = {"promoted": release.roles[role].since.isoformat()}
        stated = {"version": release.version, "role": role, "commit": release.commit}
        write_json(folder / VERSION_FILE, stated | given)
        with replacing(link) as temporary:
            temporary.symlink_to(folder.relative_to(link.parent))
        for other in set(beside.iterdir()) - {folder, beside / "lock"}:
            shutil.rmtree(other)  # the last version, and what killed runs left
    return release


def fetch_models(root: Path, commit: str, folder: Path) -> None:
    """Write all models of a commit to a folder, from DVC's cache or remote, and load them once.

    Raises
    ------
    SourceError
        If a file is neither here nor there, is altered, or doesn't load.
    """
    files = _files_at(root, commit)
    names = files.find("models", dvc_only=True)
    try:
        files.get(names, [str(folder / PurePosixPath(name).name) for name in names])
    except FileNotFoundError as error:
        raise SourceError(_not_there(commit[:12], error)) from error
    for name in names:
        with (folder / PurePosixPath(name).name).open("rb") as file:
            if hashlib.file_digest(file, "md5").hexdigest() != files.info(name)["md5"]:
                raise SourceError(f"{name} of {commit[:12]} is altered in DVC's cache")
    try:
        Forecasts(folder)
    except ModelFileError as error:
        raise SourceError(
            f"the models of {commit[:12]} don't work with this code: {error}"
        ) from error


def _files_at(root: Path, commit: str) -> DVCFileSystem:
    """What Git and DVC hold at a commit; the remote is that of today, which it may not know."""
    with Repo(str(root)) as today:
        remote = today.config["core"].get("remote")
    return DVCFileSystem(str(root), rev=commit, remote=remote)


def _not_there(which: str, error: FileNotFoundError) -> str:
    return (
        f"a file of {which} is neither in DVC's cache nor in a remote ({error}): "
        "run `dvc push` where it was made"
    )
