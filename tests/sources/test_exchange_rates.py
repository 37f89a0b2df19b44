"""The table of yearly exchange rates, from an archive made here in the layout of the ECB's."""

import shutil
import zipfile
from pathlib import Path

import currency_converter
import pandas as pd
import pytest
from commands import run

from boxoffice.core.files import SourceError
from boxoffice.sources.exchange_rates import ARCHIVE, EXCHANGE_RATES, yearly_rates

DAILY = """\
Date,USD,JPY,CYP,
2001-01-03,1.25,100,N/A,
2000-12-29,1,N/A,0.5,
2000-12-28,2,N/A,0.5,
"""


def archive(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("eurofxref-hist.csv", text)
    return path


def test_a_year_is_the_mean_of_its_days_in_dollars(tmp_path):
    rates = yearly_rates(archive(tmp_path / "daily.zip", DAILY))
    assert rates.to_numpy().tolist() == [
        [2000, "CYP", 3, 2],
        [2000, "EUR", 1.5, 2],
        [2001, "EUR", 1.25, 1],
        [2001, "JPY", 0.0125, 1],
    ]


def test_the_committed_table_is_that_of_the_package(tmp_path):
    """Or of an earlier one: past years don't change."""
    table = tmp_path / "rates.csv"
    done = run("fetch.py", "exchange_rates", "--to", table)
    assert done.returncode == 0, done.stderr
    committed, built = (pd.read_csv(path) for path in (EXCHANGE_RATES, table))
    past = committed["year"].max() - 1
    assert str(built["year"].max()) in done.stdout and past >= 2025
    pd.testing.assert_frame_equal(*(part[part["year"] <= past] for part in (committed, built)))


def test_an_archive_of_ones_own_may_be_given(tmp_path):
    own = tmp_path / ARCHIVE
    shutil.copy(Path(currency_converter.__file__).with_name(ARCHIVE), own)
    done = run("fetch.py", "exchange_rates", "--archive", own, "--to", tmp_path / "rates.csv")
    assert done.returncode == 0 and (tmp_path / "rates.csv").stat().st_size > 10_000


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "Date,JPY\n2000-01-01,5\n", "Date,USD\nx,y\n"])
def test_another_archive_is_refused(tmp_path, text):
    with pytest.raises(SourceError, match=r"daily\.zip is not the daily rates"):
        yearly_rates(archive(tmp_path / "daily.zip", text))


def test_no_archive_is_refused(tmp_path):
    (tmp_path / "daily.zip").write_bytes(b"no archive")
    with pytest.raises(SourceError, match="--archive"):
        yearly_rates(tmp_path / "daily.zip")
    done = run("fetch.py", "exchange_rates", "--archive", tmp_path / "absent.zip")
    assert done.returncode == 1 and "absent.zip" in done.stderr
