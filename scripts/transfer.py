"""Measure the exported models on films of another source, and that source's votes beside IMDb's."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from boxoffice.core import paths
from boxoffice.core.commands import one_line_errors
from boxoffice.core.files import SourceError
from boxoffice.core.model_files import ModelFileError
from boxoffice.core.reports import write_json
from boxoffice.films.companies import companies_of
from boxoffice.films.features import IMPLAUSIBLE_BUDGET
from boxoffice.films.matching import same_films
from boxoffice.films.schema import clean, read_source
from boxoffice.films.votes import votes_of
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.forecasts.tables import score_frame
from boxoffice.tabular.backtest import point_scores

MODELS = ("revenue_classic", "revenue_pre_release")
SOURCE = "tmdb5000"
RATED_BY_IMDB = "open_films"
SETTLED = 2008  # later films had not gathered their votes when IMDb's were counted, about 2010
LEAST_USD = IMPLAUSIBLE_BUDGET  # below it amounts are in another unit (7 for 7 million, say)
RECENT_AFTER = 2010  # the open films end in 2010
LARGE_BUDGET = 150_000_000  # USD
VOTES = ["vote_average", "vote_count", "popularity"]
PEOPLE = ["production_companies", "cast", "crew"]


def read_table(folder: Path) -> pd.DataFrame:
    """The films of a source as one table in its schema, with the typed columns of `schema.clean`.

    Returns
    -------
    DataFrame, indexed by id
        The cells of movies.csv and credits.csv as text, and `true_revenue` and `true_budget`
        (USD) and `release_year`.

    Raises
    ------
    SourceError
        If a file is missing or can't be read.
    """
    movies, credits, _ = read_source(folder)
    films = clean(movies).set_index("id")
    people = credits[["movie_id", "cast", "crew"]].rename(columns={"movie_id": "id"})
    table = movies.merge(people, on="id", how="left")
    table.index = table["id"].astype("int64")
    table["release_year"] = films["release_year"]
    return table.assign(true_revenue=films["revenue"], true_budget=films["budget"])


def unseen(table: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Films with a plausible budget and revenue that are none of the training films."""
    known = (table["true_budget"] >= LEAST_USD) & (table["true_revenue"] >= LEAST_USD)
    table = table[known]
    return table.drop(index=same_films(table, seen)["left"].unique())


def scored(forecasts: Forecasts, table: pd.DataFrame) -> pd.DataFrame:
    """The table as `score_frame` returns it.

    Raises
    ------
    SystemExit
        If it rejects a row.
    """
    answers = score_frame(forecasts, table)
    if len(rejected := answers["error"].dropna()):
        sys.exit(f"{len(rejected)} films could not be scored: {'; '.join(rejected.head())}")
    return answers


def transfer_scores(answers: pd.DataFrame) -> dict[str, float]:
    """How well forecasts did.

    Parameters
    ----------
    answers : DataFrame
        `true_revenue`, `predicted_revenue`, `expected_revenue`, `revenue_lower` and
        `revenue_upper` (nominal USD).

    Returns
    -------
    dict
        Those of `point_scores`, and `coverage`, the share of films whose revenue lies in the
        interval.
    """
    actual = answers["true_revenue"]
    made = (np.log(answers[name]) for name in ("predicted_revenue", "expected_revenue"))
    within = actual.between(answers["revenue_lower"], answers["revenue_upper"])
    return {**point_scores(np.log(actual), *made), "coverage": within.mean()}


def median_ratio(answers: pd.DataFrame) -> dict[str, float]:
    """`n` and `median_ratio`, the median of forecast over actual revenue."""
    ratios = answers["predicted_revenue"] / answers["true_revenue"]
    return {"n": len(answers), "median_ratio": ratios.median()}


def measure(forecasts: Forecasts, table: pd.DataFrame, source: str) -> dict[str, dict]:
    """Scores of the films by what the models are told of them.

    `pre_release` is what is known before release, `facts` leaves out people and companies, and
    `classic` adds the votes; films without votes are left out of the last. The table says whose
    votes and which companies it has. `companies_read` takes its companies for those that the models
    learned, whichever they are.
    """
    before = table.drop(columns=[name for name in VOTES if name in table])
    before = before.assign(companies_of=companies_of(source))
    answers = scored(forecasts, before)
    as_learned = before.assign(companies_of=forecasts.companies_of or "")
    rated = scored(forecasts, table.assign(votes_of=votes_of(source)))
    rated = rated[rated["model"] == "classic"]
    return {
        "pre_release": transfer_scores(answers),
        "facts": transfer_scores(scored(forecasts, before.drop(columns=PEOPLE))),
        "companies_read": transfer_scores(scored(forecasts, as_learned)),
        "classic": transfer_scores(rated),
        "pre_release_after_2010": transfer_scores(answers[answers["release_year"] > RECENT_AFTER]),
        "pre_release_150_million": median_ratio(answers[answers["true_budget"] >= LARGE_BUDGET]),
        "classic_150_million": median_ratio(rated[rated["true_budget"] >= LARGE_BUDGET]),
    }


def votes_of_both(tmdb: pd.DataFrame, imdb: pd.DataFrame) -> pd.DataFrame:
    """Films that two sources have, as `schema.clean` returns them, and that both have votes of.

    Returns
    -------
    DataFrame
        `year` of release, `tmdb` and `imdb` (votes), `tmdb_mean` and `imdb_mean` (points of 10). A
        film that may be one of several is left out.
    """
    pairs = same_films(tmdb, imdb)
    once = ~(pairs["left"].duplicated(keep=False) | pairs["right"].duplicated(keep=False))
    left, right = (tmdb.loc[pairs.loc[once, "left"]], imdb.loc[pairs.loc[once, "right"]])
    films = pd.DataFrame(
        {
            "year": left["release_year"].to_numpy(),
            "tmdb": left["vote_count"].to_numpy(),
            "imdb": right["vote_count"].to_numpy(),
            "tmdb_mean": left["vote_average"].to_numpy(),
            "imdb_mean": right["vote_average"].to_numpy(),
        }
    )
    return films[(films["tmdb"] > 0) & (films["imdb"] > 0)]


def measured_votes(films: pd.DataFrame) -> dict:
    """What `films/votes.py` holds, measured on the films of `votes_of_both`.

    All errors are those of tenfold cross-validation; `spread` is their standard deviation (log10
    votes).
    """
    settled = films[films["year"] <= SETTLED]
    x, y = np.log10(1 + settled[["tmdb"]]), np.log10(settled["imdb"])
    line = LinearRegression().fit(x, y)
    curves = {
        "line": (LinearRegression(), x),
        "square": (make_pipeline(PolynomialFeatures(2), LinearRegression()), x),
        "isotonic": (IsotonicRegression(out_of_bounds="clip"), x),
        "line_and_year": (LinearRegression(), x.assign(year=settled["year"])),
    }
    errors = {name: y - _held_out(model, facts, y) for name, (model, facts) in curves.items()}
    means, own = settled[["tmdb_mean"]], settled["imdb_mean"]
    apart = own - settled["tmdb_mean"]
    return {
        "films": len(films),
        "median_ratio": (films["imdb"] / films["tmdb"]).median(),
        "until": SETTLED,
        "fitted_on": len(settled),
        "intercept": line.intercept_,
        "slope": line.coef_[0],
        "spread": {name: error.std() for name, error in errors.items()},
        "median_factor": 10 ** errors["line"].abs().median(),
        "share_off_by_10": (errors["line"].abs() > 1).mean(),
        "mean_vote": {
            "difference": apart.mean(),
            "correlation": own.corr(settled["tmdb_mean"]),
            "rmse": _root_mean_square(apart),
            "rmse_of_line": _root_mean_square(own - _held_out(LinearRegression(), means, own)),
        },
    }


def _held_out(model, facts: pd.DataFrame, target: pd.Series) -> np.ndarray:
    folds = KFold(10, shuffle=True, random_state=0)
    return cross_val_predict(model, facts, target, cv=folds)


def _root_mean_square(errors: pd.Series) -> float:
    return float(np.sqrt((errors**2).mean()))


def main(
    models: Annotated[Path, typer.Option(help="Folder of the trained models.")] = paths.MODELS,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = (
        paths.REPORTS / SOURCE / "metrics" / "transfer.json"
    ),
):
    """Measure the exported models on films of TMDB 5000 that they have not seen.

    Films of models/history.parquet (same title, a year apart at most) are left
    out, and so are films with a budget or revenue below $1,000, where TMDB does
    not know it or has it in another unit.

    Also measure how TMDB's votes relate to IMDb's, on the films that the open
    films share with TMDB 5000: the constants of films/votes.py.

    For example: python scripts/transfer.py --out transfer.json
    """
    folder = paths.RAW / SOURCE
    if not folder.is_dir():
        sys.exit(f"{folder} is missing: fetch it with `python scripts/fetch.py {SOURCE}`")
    forecasts, table = Forecasts(models), read_table(folder)
    both = (clean(read_source(paths.RAW / name)[0]) for name in (SOURCE, RATED_BY_IMDB))
    films = unseen(table, forecasts.known_films)
    card = forecasts.cards["revenue_pre_release"]
    results = {
        "models": card["source"],
        "trained_until": card["trained_until"],
        "sha256": {name: forecasts.cards[name]["sha256"] for name in MODELS},
        "source": SOURCE,
        "row_filter": f"budget and revenue of ${LEAST_USD:,} or more, no training film",
        "transfer": measure(forecasts, films, SOURCE),
        "votes": measured_votes(votes_of_both(*both)),
    }
    write_json(out, results)
    typer.echo(f"{out}: {len(films):,} films")


if __name__ == "__main__":
    with one_line_errors(SourceError, ModelFileError):
        typer.run(main)
