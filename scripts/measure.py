"""Run the pipeline on another source and keep its metrics, leaving the workspace as it is."""

import shutil
import subprocess
import sys
from typing import Annotated

import typer

from boxoffice import paths
from boxoffice.reports import replacing


def dvc(*words: str, check: bool = True) -> None:
    subprocess.run(["dvc", *words], cwd=paths.ROOT, check=check)


def measure(source: str) -> None:
    """Write `reports/<source>/`: the metrics and the dvc.lock of a run on `data/raw/<source>`.

    The run is a DVC experiment of the source's name in a temporary copy of the workspace; the lock
    says from which code, data and params the metrics come.
    """
    raw = f"data/raw/{source}"
    if not (paths.ROOT / raw).is_dir():
        sys.exit(f"{raw} is missing: bring it with `python scripts/fetch.py {source}`")
    dvc("exp", "remove", "--quiet", source, check=False)  # of an earlier measurement, if any
    dvc(
        *("exp", "run", "--temp", "--name", source),
        *("--copy-paths", raw, "--set-param", f"data.source={source}"),
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
