"""Run the pipeline on another source and keep its metrics; the workspace stays as it is."""

import json
import os
import shutil
import subprocess
import sys
from typing import Annotated

import typer

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import replacing


def run(*words: str, check: bool = True) -> str:
    """Run a command at the root of the checkout and return what it prints.

    Raises
    ------
    subprocess.CalledProcessError
        If the command fails and `check` is true.
    """
    output = None if words[0] == "dvc" else subprocess.PIPE  # the user watches the stages
    done = subprocess.run(words, cwd=paths.ROOT, check=check, stdout=output, text=True)
    return done.stdout or ""


def settings(source: str) -> tuple[list[str], list[str]]:
    """Files that a run needs besides the checkout, and the params that it changes.

    Real posters and trailers of the source are used if they have been fetched. Without trailers,
    the revenue classes are learned from the text and the facts of all films.
    """
    raw, posters, trailers = (f"data/raw/{name}{source}" for name in ("", "posters/", "trailers/"))
    read, params = [raw], [f"data.source={source}"]
    if (paths.ROOT / posters).is_dir():
        read, params = [*read, posters], [*params, f"poster.dir={posters}"]
    if (paths.ROOT / trailers).is_dir():
        read, params = [*read, trailers], [*params, f"multimodal.trailer_dir={trailers}"]
    else:
        params += ["multimodal.modalities=[text]"]
    return read, params


def committed(source: str) -> dict[str, str]:
    """The commit that is checked out: its `commit` hash and its `date`.

    Raises
    ------
    SystemExit
        If a file differs from the commit or isn't tracked. Earlier measurements of the source are
        allowed to differ.
    """
    results = f":!reports/{source}"
    if changed := run("git", "status", "--porcelain", "--", ".", results).rstrip():
        sys.exit(
            "a measurement names the commit that it was made at, but these files are not "
            f"committed:\n{changed}\nCommit them, or set them aside with `git stash -u`"
        )
    commit, date = run("git", "show", "--no-patch", "--format=%H %cs", "HEAD").split()
    return {"commit": commit, "date": date}


def measure(source: str) -> None:
    """Write `reports/<source>/`: the metrics and dvc.lock of a run, and the commit it was made at.

    The run is a DVC experiment, named after the source, in a temporary copy of the checkout.
    """
    read, params = settings(source)
    if not (paths.ROOT / read[0]).is_dir():
        sys.exit(f"{read[0]} is missing: fetch it with `python scripts/fetch.py {source}`")
    measured = committed(source)
    os.environ["BOXOFFICE_CACHE"] = str(paths.CACHE)  # shared, so that nothing is embedded twice
    run("dvc", "exp", "remove", "--quiet", source, check=False)  # an earlier measurement
    run(
        *("dvc", "exp", "run", "--temp", "--name", source),
        *(word for path in read for word in ("--copy-paths", path)),
        *(word for param in params for word in ("--set-param", param)),
    )
    kept = {"dvc.lock": "dvc.lock"} | {
        f"reports/metrics/{stage.stem}.json": f"metrics/{stage.stem}.json"
        for stage in sorted(paths.NOTEBOOKS.glob("*.py"))
    }
    folder = paths.REPORTS / source
    for path, name in kept.items():
        with replacing(folder / name) as temporary:
            run("dvc", "get", "--quiet", "--rev", source, "--out", str(temporary), ".", path)
    with replacing(folder / "measured.json") as temporary:
        temporary.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def main(source: Annotated[str, typer.Argument(help="A folder of data/raw")]):
    """Measure the pipeline on a source, at the commit that is checked out.

    For example: python scripts/measure.py tmdb5000
    """
    if shutil.which("dvc") is None:
        sys.exit("dvc is not on the PATH: run `make tmdb5000`, or activate .venv")
    try:
        measure(source)
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {' '.join(error.cmd)}")


if __name__ == "__main__":
    with one_line_errors():
        typer.run(main)
