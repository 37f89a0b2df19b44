"""A small checkout in which the pipeline has run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from ruamel.yaml import YAML

from boxoffice.core import paths

SMALL = Path(__file__).with_name("small.yaml")
EVERY = 8  # one film in so many
RAW = "data/raw/open_films"


class Clone:
    """A git checkout with DVC in it."""

    def __init__(self, root):
        self.root = root
        self.environment = {key: os.environ[key] for key in os.environ.keys() - {"PYTHONPATH"}} | {
            # `dvc` and `python` are those of the Python that runs the tests.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "BOXOFFICE_CACHE": str(root / "data" / "cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_NAME": "test" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "test@example.org" for who in ("AUTHOR", "COMMITTER")},
        }

    def run(self, *command, **settings):
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=1800,  # far more than a loaded machine needs
        )

    def said(self, *command):
        """What a command prints; it must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def commit(self):
        self.said("git", "add", "--all")
        self.said("git", "commit", "--quiet", "--message", "state", "--allow-empty")

    def metrics(self, stage):
        return json.loads((self.root / "reports" / "metrics" / f"{stage}.json").read_text())

    def read(self, name):
        return (self.root / name).read_bytes()

    def outs(self):
        lock = YAML(typ="safe").load((self.root / "dvc.lock").read_text())
        return [out["path"] for stage in lock["stages"].values() for out in stage["outs"]]


def sample(folder):
    """Keep one film in `EVERY`, with its credits; return how many."""
    movies, credits = (
        pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        for name in ("movies.csv", "credits.csv")
    )
    movies = movies.iloc[::EVERY]
    movies.to_csv(folder / "movies.csv", index=False)
    credits[credits["movie_id"].isin(movies["id"])].to_csv(folder / "credits.csv", index=False)
    return len(movies)


def checkout(root):
    """Copy what git holds or would hold, with fewer films and small params; build nothing."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (paths.ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(paths.ROOT / name, root / name)
    clone = Clone(root)
    clone.films = sample(root / RAW)
    shutil.copyfile(SMALL, root / "params.yaml")
    clone.said("git", "init", "--quiet")
    clone.commit()
    return clone


def running(processes):
    """Those that still run; a dead child that nobody has waited for is none."""
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def wait_until(condition, seconds):
    for _ in range(seconds * 10):
        if condition():
            return True
        time.sleep(0.1)
    return False


def interrupt(clone):
    """Kill `dvc repro` in the middle of a stage, when a part of its outputs is written."""
    half = clone.root / "reports" / "tables" / "segment" / "original.csv"
    process = subprocess.Popen(
        ["dvc", "repro", "segment"],
        cwd=clone.root,
        env=clone.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_until(half.exists, seconds=1200), "the stage did not come that far"
        children = psutil.Process(process.pid).children(recursive=True)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert any("ipykernel" in " ".join(child.cmdline()) for child in running(children))
    clone.kernel_ended = wait_until(lambda: not running(children), seconds=60)
    clone.left_half_done = half.exists() and not (clone.root / "models" / "segments.json").exists()


def build(folder):
    """Run the pipeline in a small clone: interrupted, finished by the next run, and committed."""
    clone = checkout(folder / "clone")
    interrupt(clone)
    clone.printed = clone.said("dvc", "repro")
    clone.changed = clone.said("git", "status", "--porcelain", "-uall").splitlines()
    clone.commit()
    # Tests change the clone; its results are for all others, and stay as they are.
    clone.results = folder / "results"
    shutil.copytree(clone.root, clone.results, ignore=shutil.ignore_patterns(".git", ".dvc"))
    return clone
