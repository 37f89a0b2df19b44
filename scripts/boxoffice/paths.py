"""Where things are, from the root of the checkout that this package was imported from."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
RAW = DATA / "raw"
PROCESSED = DATA / "processed"
SYNTHETIC = DATA / "synthetic"
MODELS = ROOT / "models"
REPORTS = ROOT / "reports"
METRICS = REPORTS / "metrics"
PLOTS = REPORTS / "plots"
CURVES = REPORTS / "curves"
TABLES = REPORTS / "tables"
EXECUTED = REPORTS / "notebooks"
