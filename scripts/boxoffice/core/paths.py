"""Where things are, from the root of the checkout that this package was imported from."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
RAW = DATA / "raw"
PROCESSED = DATA / "processed"
SYNTHETIC = DATA / "synthetic"
STORE = DATA / "store"  # dated facts, in a folder per source
LOG = DATA / "log"  # forecasts as they were made, in a folder per source
# Costly to compute again (embeddings, checkpoints), but no result: DVC knows nothing of it.
CACHE = Path(os.environ.get("BOXOFFICE_CACHE", DATA / "cache"))
MODELS = ROOT / "models"
REPORTS = ROOT / "reports"
METRICS = REPORTS / "metrics"
PLOTS = REPORTS / "plots"
CURVES = REPORTS / "curves"
TABLES = REPORTS / "tables"
EXECUTED = REPORTS / "notebooks"
