"""Choose among what Wikidata states of a film's cost, box office and duration, in USD and minutes.

Wikidata may hold several statements, each with a rank, a unit, the day that it is of, and the place
or part of the film that it is of. One that is of a place other than the world, or of a part, isn't
the film's. Of the others, the preferred one is taken, else the one that says it is of the world,
else the latest, else the largest.
"""

import numpy as np
import pandas as pd

AMOUNT_COLUMNS = {"P2130": "budget", "P2142": "revenue"}
_DURATION = "P2047"
_WORLD = ("Q13780930", "Q16502")  # worldwide, world
_MINUTES = {"Q7727": 1.0, "Q11574": 1 / 60, "Q25235": 60.0}  # minute, second, hour
_PLAIN = "Q199"  # the number 1, the unit of what has none


def amounts_in_usd(
    quantities: pd.DataFrame, years: pd.Series, rates: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each film's budget and revenue, and the statements that can't be used.

    Parameters
    ----------
    quantities : DataFrame
        The answer to `queries/quantities.rq`.
    years : Series, index film
        Year of release, whose mean rate converts other currencies.
    rates : DataFrame
        `year`, `currency`, `usd`, as of `exchange_rates.yearly_rates`.

    Returns
    -------
    amounts : DataFrame, index film
        `budget`, `revenue` (whole nominal USD), `budget_stated` and `revenue_stated` (as Wikidata
        states them: '12000000 EUR').
    set_aside : DataFrame
        `film`, `column`, `stated` and `reason`.
    """
    rows = quantities[quantities["property"].isin(AMOUNT_COLUMNS)]
    table = _statements(rows)
    table["column"] = table["property"].map(AMOUNT_COLUMNS)
    table["year"] = table["film"].map(years).astype(int)
    table = table.merge(rates[["year", "currency", "usd"]], on=["year", "currency"], how="left")
    rate = table["usd"].mask(table["currency"] == "USD", 1.0)
    table["usd"] = table["amount"] * rate
    table["stated"] = table["amount_text"] + " " + table["currency"].fillna(table["unit"])
    where, year = table["places"], table["year"].astype(str)
    table["reason"] = np.select(
        [
            table["amount"] <= 0,
            table["unit"] == _PLAIN,
            table["currency"].isna(),
            table["partial"],
            rate.isna(),
        ],
        [
            "not above zero",
            "no currency",
            table["unit"] + " is no currency",
            "of " + where + " alone",
            "no rate of " + table["currency"].fillna("") + " in " + year,
        ],
        default="",
    )
    usable = table["reason"] == ""
    chosen = _best(table[usable]).set_index("film")
    found = pd.DataFrame(index=years.index)
    for name in AMOUNT_COLUMNS.values():
        of = chosen[chosen["column"] == name]
        found[name], found[f"{name}_stated"] = of["usd"].round().astype("Int64"), of["stated"]
    return found, table.loc[~usable, ["film", "column", "stated", "reason"]]


def runtimes(quantities: pd.DataFrame) -> pd.Series:
    """Each film's runtime in whole minutes, index film: the middle one of those of the best rank.

    A statement that is of a part of the film, or of a cut, counts where there is no other.
    """
    table = _statements(quantities[quantities["property"] == _DURATION])
    table["minutes"] = (table["amount"] * table["unit"].map(_MINUTES).astype(float)).round()
    table = table[table["minutes"] > 0].sort_values(["film", "partial", "normal", "minutes"])
    rank = table.groupby("film")[["partial", "normal"]].transform("first")
    table = table[(table[["partial", "normal"]] == rank).all(axis="columns")]
    middle = table.groupby("film")["minutes"].quantile(0.5, interpolation="lower")
    return middle.astype("Int64")


def _statements(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per statement, of which the answer has one per place and currency code."""
    rows = rows.assign(
        world=rows["place"].isin(_WORLD), places=rows["name"].fillna(rows["place"])
    ).sort_values(["film", "property", "statement", "currency", "places"])
    keys = ["film", "property", "statement"]
    columns = ["amount", "unit", "currency", "rank"]
    times = {"time": "max", "world": "max"}
    table = rows.groupby(keys).agg(dict.fromkeys(columns, "first") | times)
    named = rows.dropna(subset="places").drop_duplicates([*keys, "places"])
    table = table.join(named.groupby(keys)["places"].agg(", ".join)).reset_index()
    table = table.rename(columns={"amount": "amount_text"}).fillna({"places": ""})
    table["amount_text"] = table["amount_text"].str.removeprefix("+")
    table["amount"] = table["amount_text"].astype(float)
    table["partial"] = (table["places"] != "") & ~table["world"]
    table["normal"] = table["rank"] != "PreferredRank"
    return table


def _best(table: pd.DataFrame) -> pd.DataFrame:
    """The statement that is taken for each film and property."""
    order = {"normal": True, "world": False, "time": False, "usd": False, "statement": True}
    ordered = table.sort_values(list(order), ascending=list(order.values()), na_position="last")
    return ordered.drop_duplicates(["film", "property"])
