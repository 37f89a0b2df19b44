"""Features and forecasts of tables of films, to be held against the training films."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.table_columns import ChunkReader, check_columns
from boxoffice.forecasts.table_files import Chunk


class Watched(NamedTuple):
    """What the pre-release models see of a table, and say.

    Attributes
    ----------
    films : DataFrame
        Of each film without a fault, by its place in the table: the features, `FORECASTS`, and
        `release_date`.
    faults : dict of place to texts
        What is wrong with the other rows.
    """

    films: pd.DataFrame
    faults: dict[int, list[str]]


def watched_films(forecasts: Forecasts, chunks: Iterable[Chunk], own_ids: bool = False) -> Watched:
    """Read films as before their release, whatever votes they have by now.

    `chunks` are of a table in the TMDB 5000 schema, as `table_files.open_table` reads them;
    `own_ids` is as in `tables.score_file`.

    Raises
    ------
    TableError
        If the table can't be read at all.
    """
    parts, faults, done = [], {}, 0
    for chunk in chunks:
        check_columns(chunk.rows.schema)
        reader = ChunkReader(chunk, forecasts.names, forecasts.roles, own_ids)
        films = reader.films()
        part = forecasts.before_release(films)
        part["release_date"] = films.days[part.index].astype("datetime64[us]")
        # Faults of credits are noted when features are made of them, and spoil the row, too.
        part = part[~part.index.isin(list(reader.faults))]
        parts.append(part.set_axis(part.index + done))
        faults |= {done + row: texts for row, texts in reader.faults.items()}
        done += chunk.rows.num_rows
    nothing = pd.DataFrame(columns=["release_date"])
    return Watched(pd.concat(parts) if parts else nothing, faults)
