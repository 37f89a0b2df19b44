"""The tab for a table of films: the answer to an upload."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import gradio as gr
import pandas as pd
import pyarrow.parquet as pq

from app.page.pictures import fault, render
from boxoffice.core.files import replacing
from boxoffice.films.companies import COMPANY_LISTS
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.table_columns import FIELD_OF_COLUMN, REQUIRED_COLUMNS, TEXT_COLUMNS
from boxoffice.forecasts.tables import CLIENT_ROWS, Summary, TableError, score_file

EXAMPLE_TABLE = Path(__file__).with_name("example_films.csv")
FORMATS = ("csv", "parquet")
UNUSABLE = "This file can’t be used"
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


def needed_columns(companies_of: str | None) -> str:
    """HTML that says what a table must hold, and which companies the models learned."""
    learned = COMPANY_LISTS.get(companies_of)
    return render("columns", required=REQUIRED_COLUMNS, optional=OPTIONAL, learned=learned)


def answer_table(
    forecasts: Forecasts, upload: str | None, progress: gr.Progress
) -> tuple[str, str | None]:
    """HTML about a scored table and the path of its file, or what is wrong with it and None."""
    if upload is None:
        return fault("Please choose a file", "A CSV or Parquet file with a row per film."), None
    source = Path(upload)
    kind = source.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        return fault(UNUSABLE, "Only .csv and .parquet files are read."), None
    # Beside the upload, where Gradio may serve it and deletes it in time.
    out = source.with_name(f"{source.stem}-forecasts.{kind}")

    def show(rows: int) -> None:
        progress((rows, None), unit="films")

    try:
        with replacing(out) as part, open(part, "wb") as file:
            summary = score_file(forecasts, source, kind, file, kind, show, CLIENT_ROWS)
    except TableError as error:
        return fault(UNUSABLE, str(error)), None
    return _summary(summary, out, kind), str(out)


def _summary(summary: Summary, out: Path, kind: str) -> str:
    films, rejects = [], []
    for chunk in _chunks(out, kind):
        bad = chunk["error"].fillna("") != ""
        films += chunk[~bad].head(SHOWN - len(films)).to_dict("records")
        rejects += chunk[bad].head(SHOWN - len(rejects)).to_dict("records")
        if [len(films), len(rejects)] == [min(SHOWN, summary.scored), min(SHOWN, summary.rejected)]:
            break
    return render("table", summary=summary, films=films, rejects=rejects)


def _chunks(path: Path, kind: str) -> Iterator[pd.DataFrame]:
    """What the page shows of a scored table, in pieces: `COLUMNS`, and the row's `number`."""
    if kind == "csv":
        pieces = pd.read_csv(path, usecols=lambda name: name in COLUMNS, chunksize=CHUNK)
    else:
        file = pq.ParquetFile(path)
        present = [name for name in COLUMNS if name in file.schema_arrow.names]
        pieces = (piece.to_pandas() for piece in file.iter_batches(CHUNK, columns=present))
    rows = count(1)
    for piece in pieces:
        frame = piece.reindex(columns=COLUMNS)
        frame["title"] = frame["title"].fillna("").astype(str)
        yield frame.assign(number=list(islice(rows, len(frame))))
