"""The models as they would have been on a day of the past, to play the weeks that followed."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pooch

from boxoffice.core.files import SourceError
from boxoffice.core.model_files import load_card
from boxoffice.core.reports import write_json, write_parquet
from boxoffice.films.history import FILES, TRAINING_FEATURES, write_history
from boxoffice.films.splits import training_rows_of_both
from boxoffice.live.versions import VERSION_FILE, version_of
from boxoffice.tabular import backtest
from boxoffice.tabular.evaluation import (
    EXPORTED,
    export_fitted,
    recipe,
    revenue_task,
    success_task,
)
from boxoffice.tabular.pipelines import training_features

PREPROCESSED = ("films.parquet", "people.parquet", "companies.parquet")
AS_THEY_ARE = ("hit", "segments")  # learned from no film of the source


def write_past_models(
    source: str, before: pd.Timestamp, folder: Path, seed: int, processed: Path, models: Path
) -> None:
    """Write the models that learned from films released before a day alone.

    Their version is that of today's models, with the day: 'v1.2.0@2009-01-01'.

    Their recipe, the selected model and its hyperparameters, is that of today's models, which was
    chosen on films of before that day. Their intervals are measured by forecasts of
    films released before that day.

    Parameters
    ----------
    source : str
        Whose films they are; today's models learned from it.
    before : Timestamp
        January 1st of a year, since backtests are cut off there.
    folder : Path
        Written whole or not at all; an existing one is kept.
    seed : int
        That of params.yaml.
    processed : Path
        What the stage `preprocess` wrote.
    models : Path
        Today's models.

    Raises
    ------
    SourceError
        If the films are missing, or the models are of another source, or if films that the recipe
        was chosen on were released on that day or later.
    """
    if folder.is_dir():
        return
    if missing := [name for name in PREPROCESSED if not (processed / name).is_file()]:
        raise SourceError(f"{processed} lacks {', '.join(missing)}: run `dvc repro preprocess`")
    films, people, companies = (pd.read_parquet(processed / name) for name in PREPROCESSED)
    learned = load_card("revenue_pre_release", models)["source"]
    if {learned, films.attrs["source"]} != {source}:
        raise SourceError(
            f"{source} can't be played: {models} learned from {learned}, and {processed} is of "
            f"{films.attrs['source']}. Set data.source in params.yaml and run `make repro`"
        )
    _require_recipe_of_the_past(films, before)
    films = films[films["usable"] & (films["release_date"] < before)].reset_index(drop=True)
    films.attrs["source"] = source
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".models-", dir=folder.parent) as temporary:
        made = Path(temporary) / "models"
        write_history(films, people, companies, made)
        write_parquet(made / TRAINING_FEATURES, training_features(films))
        files = {name: pooch.file_hash(made / name) for name in (*FILES, TRAINING_FEATURES)}
        for name in AS_THEY_ARE:
            for suffix in (".json", ".onnx"):
                shutil.copy(models / f"{name}{suffix}", made)
        for feature_set in EXPORTED:
            _export_revenue(feature_set, films, seed, models, made, files)
            card = load_card(f"success_{feature_set}", models)
            task = success_task({}, seed)
            export_fitted(task, feature_set, recipe(task, card), films, source, _kept(card), made)
        version = f"{version_of(models)}@{before:%Y-%m-%d}"
        write_json(made / VERSION_FILE, {"version": version, "role": None})
        made.rename(folder)


def _require_recipe_of_the_past(films: pd.DataFrame, before: pd.Timestamp) -> None:
    chosen_on = films.loc[training_rows_of_both(films), "release_date"].max()
    if chosen_on >= before:
        raise SourceError(
            f"models of {before:%Y-%m-%d} can't be had: the recipe was chosen on films until "
            f"{chosen_on:%Y-%m-%d}, which would be hindsight. Play a later year"
        )


def _export_revenue(
    feature_set: str, films: pd.DataFrame, seed: int, models: Path, folder: Path, files: dict
) -> None:
    card = load_card(f"revenue_{feature_set}", models)
    task, nominal = revenue_task({}, seed), card["interval"]["nominal"]
    model = recipe(task, card)
    first_year = int(films["release_year"].max()) + 1 - backtest.RECENT
    made = backtest.backtest(films, feature_set, model, first_year)
    table = backtest.with_earlier_errors(made, films, "frozen", first_year, nominal)
    card = _kept(card) | {
        "interval": backtest.forecast_errors(made, "frozen", nominal).card(),
        "backtest": backtest.horizon_scores(table, nominal),
        "files": files if feature_set == "pre_release" else {},
    }
    export_fitted(task, feature_set, model, films, films.attrs["source"], card, folder)


def _kept(card: dict) -> dict:
    return {name: card[name] for name in ("selected", "hyperparameters")}
