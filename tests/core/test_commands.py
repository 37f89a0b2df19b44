"""How commands end: a full disk and other errors are a line of text, and no secret is shown."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from commands import run

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors, without_passwords
from boxoffice.core.files import SourceError, replacing
from boxoffice.films.history import FILES
from boxoffice.sources.cpi import SERIES

FULL = Path("/dev/full")  # whatever is written there finds no room
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def no_room_for(path: Path) -> None:
    """Let `replacing` write this file to a full disk."""
    path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}").symlink_to(FULL)


def ended(done, path: Path) -> None:
    """Check that a command named the file that had no room, in one line."""
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and "No space left on device" in line
    assert str(path) in line and line.endswith("Make room on the disk and run the command again")
    assert not path.exists() and os.listdir(path.parent) == []


@needs_full
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_forecasts_of_a_table(models, tmp_path, name):
    (tmp_path / "to").mkdir()
    films, out = tmp_path / "films.csv", tmp_path / "to" / name
    rows = "1000000,2009-12-10\n" * 2000
    films.write_text(f"budget,release_date\n{rows}")
    no_room_for(out)
    ended(run("predict.py", films, "-o", out, "--models", models), out)


@needs_full
def test_a_history(workspace, tmp_path):
    (tmp_path / "to").mkdir()
    for table in (workspace / "data" / "processed").glob("*.parquet"):
        films = pd.read_parquet(table)
        films.attrs["source"] = "open_films"
        films.to_parquet(tmp_path / table.name)
    history = tmp_path / "to" / FILES[0]
    no_room_for(history)
    ended(run("history.py", history.parent, "--processed", tmp_path), history)


@needs_full
def test_a_fetched_table(tmp_path):
    table = tmp_path / "to" / "cpi.csv"
    table.parent.mkdir()
    no_room_for(table)
    with closing(sqlite3.connect(tmp_path / "cpi.db")) as prices:
        prices.execute("CREATE TABLE indexes (series TEXT, year INT, period TEXT, value REAL)")
        prices.execute("INSERT INTO indexes VALUES (?, 2020, 'M01', 257.971)", (SERIES,))
        prices.commit()
    ended(run("fetch.py", "cpi", "--database", tmp_path / "cpi.db", "--to", table), table)


def test_every_command_ends_so():
    scripts = {path.name: path.read_text() for path in (paths.ROOT / "scripts").glob("*.py")}
    mains = {
        name: text.partition('\nif __name__ == "__main__":')[2] for name, text in scripts.items()
    }
    commands = {name: main for name, main in mains.items() if main}
    assert len(commands) >= 8
    for name, main in commands.items():
        assert "    with one_line_errors(" in main, name


def test_an_error_that_names_no_file_gets_that_which_is_written(tmp_path):
    with pytest.raises(OSError, match=r"out\.csv"), replacing(tmp_path / "out.csv"):
        raise OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="other"), replacing(tmp_path / "out.csv"):
        raise OSError(errno.EIO, "Input/output error", "other")


def test_an_expected_error_is_a_line_and_another_is_raised():
    with pytest.raises(SystemExit, match=r"^error: no such film$"), one_line_errors(SourceError):
        raise SourceError("no such film")
    with pytest.raises(ValueError, match="a bug"), one_line_errors(SourceError):
        raise ValueError("a bug")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see http://me:secret@host/x, please", "see http://***@host/x, please"),
        ("HTTPS://token@host", "HTTPS://***@host"),
        ("http://me:a/b@c@host:80/x", "http://***@host:80/x"),
        ("http://host/x and me@host", "http://host/x and me@host"),
    ],
)
def test_passwords(text, shown):
    assert without_passwords(text) == shown
