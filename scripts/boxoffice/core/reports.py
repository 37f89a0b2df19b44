"""What a stage writes: frames, metrics, tables and plots, each file whole or not at all."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from boxoffice.core import paths
from boxoffice.core.files import replacing

if TYPE_CHECKING:  # the service has no matplotlib
    from matplotlib.figure import Figure

SIGNIFICANT_DIGITS = 6


def rounded(value):
    """Round every float in nested dicts and lists to 6 significant digits; numpy to Python."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return value


def write_json(path: Path, content) -> None:
    """Write `content` as JSON, floats rounded, keys in the order given.

    Raises ValueError if a number is NaN or infinite, which JSON can't hold.
    """
    text = json.dumps(rounded(content), indent=2, allow_nan=False, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_metrics(stage: str, metrics: dict) -> None:
    """Write `reports/metrics/<stage>.json`."""
    write_json(paths.METRICS / f"{stage}.json", metrics)


def save_table(stage: str, name: str, table: pd.DataFrame, index: bool = False) -> None:
    """Write `reports/tables/<stage>/<name>.csv`, floats to 6 significant digits."""
    _write_csv(paths.TABLES / stage / f"{name}.csv", table, index)


def _write_csv(path: Path, table: pd.DataFrame, index: bool = False) -> None:
    digits = f"%.{SIGNIFICANT_DIGITS}g"
    with replacing(path) as temporary:
        table.to_csv(temporary, index=index, float_format=digits, lineterminator="\n")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a frame as Parquet, without its index."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


def save_plot(stage: str, name: str, figure: "Figure") -> None:
    """Write `reports/plots/<stage>/<name>.png` (PNG, for its bytes are stable)."""
    with replacing(paths.PLOTS / stage / f"{name}.png") as temporary:
        figure.savefig(temporary, dpi=100, bbox_inches="tight")


def save_plot_data(stage: str, name: str, table: pd.DataFrame) -> None:
    """Write `reports/curves/<stage>/<name>.csv`, the data that `dvc plots` draws."""
    _write_csv(paths.CURVES / stage / f"{name}.csv", table)
