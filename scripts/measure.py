"""Run the pipeline on another source and keep its metrics, leaving the workspace as it is."""

import os
import shutil
import subprocess
import sys
from typing import Annotated

import typer

from boxoffice import paths
from boxoffice.files import replacing


def dvc(*words: str, check: bool = True) -> None:
    subprocess.run(["dvc", *words], cwd=paths.ROOT, check=check)


def settings(source: str) -> tuple[list[str], list[str]]:
    """What a run on a source reads beside the workspace, and the params that it changes.

    Real posters and trailers of the source are used where they have been brought. Without its
    trailers, the classes are learned from text and facts of all films.
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


def measure(source: str) -> None:
    """Write `reports/<source>/`: the metrics and the dvc.lock of a run on `data/raw/<source>`.

    The run is a DVC experiment of the source's name in a temporary copy of the workspace; the lock
    says from which code, data and params the metrics come.
    """
    read, params = settings(source)
    if not (paths.ROOT / read[0]).is_dir():
        sys.exit(f"{read[0]} is missing: bring it with `python scripts/fetch.py {source}`")
    os.environ["BOXOFFICE_CACHE"] = str(paths.CACHE)  # the copy embeds nothing anew
    dvc("exp", "remove", "--quiet", source, check=False)  # of an earlier measurement, if any
    dvc(
        *("exp", "run", "--temp", "--name", source),
        *(word for path in read for word in ("--copy-paths", path)),
        *(word for param in params for word in ("--set-param", param)),
    )
    kept = {"dvc.lock": "dvc.lock"} | {
        f"reports/metrics/{stage.stem}.json": f"metrics/{stage.stem}.json"
        for stage in sorted(paths.NOTEBOOKS.glob("*.py"))
    }
    for path, name in kept.items():
        with replacing(paths.REPORTS / source / name) as temporary:
            dvc("get", "--quiet", "--rev", source, "--out", str(temporary), ".", path)


def main(source: Annotated[str, typer.Argument(help="A folder of data/raw")]):
    """Measure the pipeline on a source.

    For example: python scripts/measure.py tmdb5000
    """
    if shutil.which("dvc") is None:
        sys.exit("dvc is not on the PATH: run `make tmdb5000`, or activate .venv")
    try:
        measure(source)
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {' '.join(error.cmd)}")


if __name__ == "__main__":
    typer.run(main)
