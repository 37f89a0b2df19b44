"""The known films as forecasts need them: for track records, the market and comparable films."""

import logging
from pathlib import Path

import pandas as pd

from boxoffice.core.files import SourceError
from boxoffice.core.model_files import ModelFileError
from boxoffice.core.reports import write_parquet
from boxoffice.films.companies import COMPANY_LISTS, companies_of
from boxoffice.films.credits import ROLES, known_names

FILES = ("history.parquet", "names.parquet")
TRAINING_FEATURES = "training_features.parquet"  # beside them; `tabular.pipelines` makes it
_COLUMNS = ("id", "title", "release_date", "log_budget", "log_revenue", "genres", "certificate")


def write_history(
    films: pd.DataFrame, people: pd.DataFrame, companies: pd.DataFrame, folder: Path
) -> None:
    """Write `FILES`: the usable films, and which person or company is meant by a name.

    The first also holds, in its metadata, the source's name and which companies it lists.

    Parameters
    ----------
    films, people, companies : DataFrame
        As the stage `preprocess` writes them; `films.attrs["source"]` is the source's name.

    Raises
    ------
    SourceError
        If `films` doesn't say its source.
    """
    if "source" not in films.attrs:
        raise SourceError("films.parquet doesn't say its source: run `dvc repro preprocess`")
    source = films.attrs["source"]
    usable = films[films["usable"]]
    columns = [name for name in (*_COLUMNS, *ROLES) if name in films]
    history = usable[columns]
    history.attrs = {"source": source, "companies": companies_of(source)}
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / FILES[0], history)
    write_parquet(folder / FILES[1], known_names(usable, people, companies))


def check_history(path: Path, card: dict) -> None:
    """Compare the source of a history with that which a model learned from, as its card says.

    Logs a warning if it is another one with the same kind of companies.

    Raises
    ------
    ModelFileError
        If the history doesn't say its source, or lists companies of another kind.
    """
    stated = pd.read_parquet(path, columns=["id"]).attrs
    if not {"source", "companies"} <= set(stated):
        raise ModelFileError(
            f"{path} doesn't say its source: write it anew with `python scripts/history.py`"
        )
    if stated["companies"] != card.get("companies", stated["companies"]):
        raise ModelFileError(
            f"{path} is of {stated['source']}, which lists {COMPANY_LISTS[stated['companies']]}, "
            f"but the models learned from {card['source']}, which lists "
            f"{COMPANY_LISTS[card['companies']]}: write it from a source of that kind"
        )
    if stated["source"] != card["source"]:
        logging.getLogger(__name__).warning(
            f"{path} is of {stated['source']}, but the models learned from {card['source']}: ids "
            "of people and companies must be the same in both"
        )
