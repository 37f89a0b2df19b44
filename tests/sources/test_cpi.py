"""The table of consumer prices, from a database made here in the layout of the package."""

import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

import fetch
from boxoffice.core.files import SourceError
from boxoffice.sources.cpi import SERIES, read_prices

ROWS = [
    (SERIES, 2020, "M02", 258.678),
    (SERIES, 2020, "M01", 257.971),
    (SERIES, 2020, "M13", 258.811),
    ("CUSR0000SA0", 2020, "M01", 258.682),
]


def database(path, rows):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE indexes (series TEXT, year INT, period TEXT, value REAL)")
        connection.executemany("INSERT INTO indexes VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    return path


def test_months_of_the_series_are_written_in_order(tmp_path):
    table = tmp_path / "cpi.csv"
    words = ["cpi", "--database", str(database(tmp_path / "cpi.db", ROWS)), "--to", str(table)]
    done = CliRunner().invoke(fetch.app, words)
    assert done.exit_code == 0, done.output
    assert "2020-02" in done.output
    assert table.read_text() == "month,index\n2020-01,257.971\n2020-02,258.678\n"


@pytest.mark.parametrize("content", [b"no database", b""])
def test_another_file_is_refused(tmp_path, content):
    file = tmp_path / "cpi.db"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=r"cpi\.db"):
        read_prices(file)


def test_a_database_without_the_base_month_is_refused(tmp_path):
    with pytest.raises(SourceError, match="2020-01"):
        read_prices(database(tmp_path / "cpi.db", ROWS[:1]))
