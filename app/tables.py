"""Tables of films, scored in workers."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

from anyio import to_thread

from app.settings import MIB, Settings
from app.workers import OutOfMemory, Worker, Workers
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import CLIENT_ROWS, Format, Summary, TableError, iter_scored

MEMORY = 256 * MIB
PIECE = MIB // 4  # small enough that sending it does not hold up other requests


def table_workers(settings: Settings) -> Workers:
    """Workers that score tables."""
    make = partial(_scorer, settings.models)
    return Workers(make, settings.tables, MEMORY, settings.timeout, settings.patience)


def _scorer(models: Path) -> Callable[..., Iterator[tuple[bytes, Summary]]]:
    forecasts = Forecasts(models)

    def scored(source: Path, given: Format, out: Format, comparables: bool):
        summary = Summary()
        for piece in iter_scored(forecasts, source, given, out, CLIENT_ROWS, summary, comparables):
            for begin in range(0, len(piece), PIECE):
                yield piece[begin : begin + PIECE], summary

    return scored


async def scored_table(
    worker: Worker, source: Path, given: Format, out: Format, comparables: bool = False
) -> AsyncIterator[tuple[bytes, Summary]]:
    """The pieces of a scored table, as `iter_scored` makes them, each with the summary so far.

    Raises
    ------
    TableError
        Before the first piece, if the table can't be scored at all; later, if it turns out broken
        or takes too much memory.
    OutOfTime
    """
    try:
        async for answer in worker.ask(source, given, out, comparables):
            yield answer
    except OutOfMemory as error:
        raise TableError(
            f"the table is damaged, or takes more than {MEMORY // MIB} MiB of memory when it is "
            "read: write it anew with shorter cells, or without columns that aren't needed"
        ) from error


async def score_table(
    workers: Workers,
    client: str,
    source: Path,
    given: Format,
    target: Path,
    out: Format,
    progress: Callable[[int], None],
) -> Summary:
    """Score a table into a file when it is the client's turn.

    `progress` is told the number of rows done so far, after each piece.

    Raises
    ------
    Busy, TableError, OutOfTime
    """
    summary = Summary()
    async with workers.turn(client) as worker:
        with target.open("wb") as file:
            async for piece, summary in scored_table(worker, source, given, out):
                await to_thread.run_sync(file.write, piece)
                progress(summary.rows)
    return summary
