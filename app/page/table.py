"""The tab for a table of films: the answer to an upload."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
import pyarrow.parquet as pq

from app.page.pictures import render
from boxoffice.files import replacing
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.table_columns import FIELD_OF_COLUMN, REQUIRED_COLUMNS, TEXT_COLUMNS
from boxoffice.forecasts.tables import CLIENT_ROWS, TableError, score_file

EXAMPLE_TABLE = Path(__file__).with_name("example_films.csv")
FORMATS = ("csv", "parquet")
SHOWN = 10  # films, and rejected rows, that the page shows
COLUMNS = (
    "title",
    "predicted_revenue",
    "revenue_lower",
    "revenue_upper",
    "probability_success",
    "error",
)
CHUNK = 50_000  # rows
OPTIONAL = [
    name
    for name in dict.fromkeys((*TEXT_COLUMNS, *FIELD_OF_COLUMN))
    if name not in REQUIRED_COLUMNS
]


class TableAnswers:
    """Answers to an upload as HTML and a file."""

    def __init__(self, forecasts: Forecasts):
        self._forecasts = forecasts

    def invitation(self) -> str:
        """What a table must hold."""
        return render("columns", required=REQUIRED_COLUMNS, optional=OPTIONAL)

    def answer(self, upload: str | None, progress: gr.Progress) -> tuple[str, str | None]:
        """The summary of a scored table and the path of its file, or what is wrong with it."""
        if upload is None:
            return _fault(
                "Please choose a file", "A CSV or Parquet file with a row per film."
            ), None
        source = Path(upload)
        kind = source.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            return _fault("This file can’t be used", "Only .csv and .parquet files are read."), None
        # Beside the upload, where Gradio may serve it and deletes it in time.
        out = source.with_name(f"{source.stem}-forecasts.{kind}")
        try:
            with replacing(out) as part, open(part, "wb") as file:
                summary = score_file(
                    self._forecasts,
                    source,
                    kind,
                    file,
                    kind,
                    progress=lambda rows: progress((rows, None), unit="films"),
                    chunk_rows=CLIENT_ROWS,
                )
        except TableError as error:
            return _fault("This file can’t be used", str(error)), None
        return _summary(summary, out, kind), str(out)


def _summary(summary: Any, out: Path, kind: str) -> str:
    films, rejects = [], []
    start = 0
    for chunk in _chunks(out, kind):
        chunk["number"] = range(start + 1, start + len(chunk) + 1)
        start += len(chunk)
        bad = chunk["error"].fillna("") != ""
        films += chunk[~bad].head(SHOWN - len(films)).to_dict("records")
        rejects += chunk[bad].head(SHOWN - len(rejects)).to_dict("records")
        if len(films) >= min(SHOWN, summary.scored) and len(rejects) >= min(
            SHOWN, summary.rejected
        ):
            break
    return render(
        "table",
        rows=summary.rows,
        scored=summary.scored,
        rejected=summary.rejected,
        films=films,
        rejects=rejects,
    )


def _chunks(path: Path, kind: str) -> Iterator[pd.DataFrame]:
    """What the page shows of a scored table, in pieces; without a title it is empty."""
    if kind == "csv":
        pieces = pd.read_csv(path, usecols=lambda name: name in COLUMNS, chunksize=CHUNK)
    else:
        file = pq.ParquetFile(path)
        present = [name for name in COLUMNS if name in file.schema_arrow.names]
        pieces = (piece.to_pandas() for piece in file.iter_batches(CHUNK, columns=present))
    for piece in pieces:
        frame = piece.reindex(columns=COLUMNS)
        frame["title"] = frame["title"].fillna("").astype(str)
        yield frame


def _fault(heading: str, text: str) -> str:
    return render("faults", heading=heading, faults=[("", text)])
