"""Fixtures of this room: the exported models, and the films that they learned from."""

import pandas as pd
import pytest

from boxoffice.forecasts.forecasts import Forecasts


@pytest.fixture(scope="module")
def forecasts(models):
    return Forecasts(models)


@pytest.fixture(scope="module")
def films(workspace):
    """Usable films, numbered 0..n-1."""
    films = pd.read_parquet(workspace / "data" / "processed" / "films.parquet")
    return films[films["usable"]].reset_index(drop=True)
