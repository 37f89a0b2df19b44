"""Two services for `service.py` to measure ours beside, each with one endpoint.

Both take the classic request at `/predict/revenue` and answer with the classic fields.
"""

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

from boxoffice.forecasts.request import CLASSIC_FIELDS

MODEL = "BENCH_MODEL"  # environment variable: the classic service's pickle
Film = create_model("Film", **dict.fromkeys(CLASSIC_FIELDS, float))


def constant() -> FastAPI:
    """Parses the body and answers always the same: what FastAPI itself takes."""
    app = FastAPI()

    @app.post("/predict/revenue")
    async def revenue(film: Film):
        return {"predicted_revenue": 100_000_000.0, "log_revenue": 18.42068075}

    return app


def train_classic(films: pd.DataFrame, path: Path) -> None:
    """Pickle a random forest for the fields of the classic request and `revenue` (nominal USD)."""
    from sklearn.ensemble import RandomForestRegressor  # the constant service goes without

    forest = RandomForestRegressor(n_estimators=200, random_state=42, n_jobs=-1)
    forest.fit(films[list(Film.model_fields)], np.log1p(films["revenue"]))
    forest.n_jobs = None
    path.write_bytes(pickle.dumps(forest))


def classic() -> FastAPI:
    """A forest unpickled at the start, and a one-row frame for each request."""
    forest = pickle.loads(Path(os.environ[MODEL]).read_bytes())
    app = FastAPI()

    @app.post("/predict/revenue")
    def revenue(film: Film):
        frame = pd.DataFrame([film.model_dump()])
        log_revenue = float(forest.predict(frame)[0])
        return {"predicted_revenue": float(np.expm1(log_revenue)), "log_revenue": log_revenue}

    return app
