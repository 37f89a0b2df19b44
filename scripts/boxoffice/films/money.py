"""Nominal dollars of a film's time in dollars of one month, and back; amounts in words.

Prices are those of the consumer price index of all urban consumers (CPI-U, U.S. city average, not
seasonally adjusted; U.S. Bureau of Labor Statistics, public domain). `scripts/fetch.py cpi` writes
the table anew.
"""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

CPI = Path(__file__).with_name("cpi.csv")
BASE = "2020-01"  # real dollars are those of this month
_UNITS = ((1e9, " billion"), (1e6, " million"))


@cache
def _log_prices() -> tuple[np.ndarray, np.ndarray]:
    """Months since 1970-01, and the natural log of prices relative to `BASE`."""
    table = pd.read_csv(CPI, index_col="month")["index"]
    months = table.index.to_numpy("datetime64[M]").astype("int64")
    return months, np.log(table / table[BASE]).to_numpy()


def log_prices(days: np.ndarray) -> np.ndarray:
    """Natural log of the prices of a day relative to `BASE`: shape (n,).

    Subtract it from a log amount in nominal USD to have real USD. Before the first month of the
    table and after the last one their values hold; a month without a value has that before it.

    Parameters
    ----------
    days : array of datetime64, shape (n,)
    """
    months, logs = _log_prices()
    asked = np.asarray(days).astype("datetime64[M]").astype("int64")
    place = np.searchsorted(months, asked, side="right") - 1
    return logs[np.maximum(place, 0)]


def usd_in_words(usd: float, units: tuple[tuple[float, str], ...] = _UNITS) -> str:
    """US dollars to three significant digits: 412345678 -> '$412 million'."""
    if usd < 1:
        return "$0"
    rounded = round(usd, 2 - math.floor(math.log10(usd)))
    for size, name in units:
        if rounded >= size:
            return f"${rounded / size:.4g}{name}"
    return f"${rounded:,.0f}"
