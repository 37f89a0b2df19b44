"""Fixtures of several test files: real data, and a checkout in which the pipeline has run."""

import gc
import os
import pickle
import signal
from pathlib import Path

import pytest
from clones import build
from filelock import FileLock
from ruamel.yaml import YAML

from boxoffice.core import paths

# A background job of a shell ignores Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
gc.disable()  # while everything is imported: a quarter of the time
LONG = ("test_same_bits", "test_embeddings", "test_container", "test_benchmarks")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A clone in which the pipeline has run once, whichever of xdist's workers asked first."""
    folder = tmp_path_factory.getbasetemp().resolve()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    record = folder / "clone.pickle"
    with FileLock(folder / "clone.lock"):
        if not record.exists():
            try:
                outcome = build(folder)
            except Exception as error:  # for all who ask, without another run
                outcome = f"the small run of the pipeline failed: {error}"
            record.write_bytes(pickle.dumps(outcome))
    outcome = pickle.loads(record.read_bytes())
    if isinstance(outcome, str):
        pytest.fail(outcome)
    return outcome


@pytest.fixture(scope="session")
def workspace(request) -> Path:
    """The root of a checkout with trained models: this one, or else that of the small run."""
    lock = YAML(typ="safe").load((paths.ROOT / "dvc.lock").read_text())
    outs = [out["path"] for stage in lock["stages"].values() for out in stage["outs"]]
    if all((paths.ROOT / name).exists() for name in outs):
        return paths.ROOT
    return request.getfixturevalue("built").results


def pytest_collection_modifyitems(items):
    """Run the pipeline first, and meanwhile, on the other cores, what needs none of its models.

    Long files come before short ones, so that the workers end together.
    """
    waiting = {item.path for item in items if "workspace" in item.fixturenames}
    items.sort(
        key=lambda item: (
            item.path.stem != "test_end_to_end",
            item.path in waiting,
            item.path.stem not in LONG,
        )
    )


def pytest_collection_finish():
    gc.enable()


@pytest.fixture(scope="session")
def models(workspace) -> Path:
    """A folder with all exported models and their cards."""
    return workspace / "models"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that is measured on and never committed, in `shared/data` beside the checkout."""
    folder = paths.ROOT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("the real TMDB 5000 files are not beside this checkout (../shared/data)")
    return folder
