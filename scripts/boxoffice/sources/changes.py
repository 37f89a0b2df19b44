"""What changed between two readings of a source, and whether the new one may replace the old."""

from pathlib import Path

import pandas as pd

from boxoffice.core.files import SourceError
from boxoffice.films.money import usd_in_words

MOST_LOST = 0.03  # share of the films, or of those with budget and revenue
CHANGED_AMOUNT = 0.05
_SHOWN = 10  # titles in a line


def known_amounts(movies: pd.DataFrame) -> pd.DataFrame:
    """`title`, `year`, `budget`, `revenue` (nominal USD, NaN unknown) and `complete`, index id."""
    films = movies.set_index("id")
    films.index = films.index.astype(int)
    budget, revenue = (pd.to_numeric(films[name]).astype(float) for name in ("budget", "revenue"))
    return pd.DataFrame(
        {
            "title": films["title"],
            "year": films["release_date"].str[:4].astype(int),
            "budget": budget,
            "revenue": revenue,
            "complete": budget.gt(0) & revenue.gt(0),
        }
    )


def changes_in_words(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Lines about two tables of `known_amounts`: per decade, added, gone, changed amounts."""
    counts = pd.DataFrame(
        {
            (label, when): table.groupby(table["year"] // 10 * 10)["complete"].agg(how)
            for label, how in (("films", "size"), ("with budget and revenue", "sum"))
            for when, table in (("before", old), ("now", new))
        }
    )
    counts = counts.fillna(0).astype(int).sort_index()
    counts.index = [f"{decade}s" for decade in counts.index]
    counts.loc["all"] = counts.sum()
    lines = counts.to_string().splitlines()
    for label, one, other in (("added", new, old), ("gone", old, new)):
        lines.append(_titles(label, one.loc[one.index.difference(other.index)]))
    both = old.add_suffix("_old").join(new.add_suffix("_new"), how="inner")
    for name in ("budget", "revenue"):
        before, now = both[f"{name}_old"], both[f"{name}_new"]
        changed = both[(now / before - 1).abs() > CHANGED_AMOUNT]
        words = [
            f"{row['title_new']}: {usd_in_words(row[f'{name}_old'])} -> "
            f"{usd_in_words(row[f'{name}_new'])}"
            for _, row in changed.head(_SHOWN).iterrows()
        ]
        label = f"{name} changed by more than {CHANGED_AMOUNT:.0%}"
        lines.append(_listed(label, words, len(changed)))
    return lines


def _titles(label: str, films: pd.DataFrame) -> str:
    words = [f"{film.title} ({film.year})" for film in films.head(_SHOWN).itertuples()]
    return _listed(label, words, len(films))


def _listed(label: str, words: list[str], count: int) -> str:
    shown = "; ".join([*words, "..."] if count > len(words) else words)
    return f"{label}: {count:,}" + (f" ({shown})" if shown else "")


def require_no_loss(old: pd.DataFrame, new: pd.DataFrame, path: Path) -> None:
    """Raise SourceError if `new` has notably fewer films than `old`, or fewer complete ones."""
    for label, before, now in (
        ("films", len(old), len(new)),
        ("films with budget and revenue", old["complete"].sum(), new["complete"].sum()),
    ):
        if now < before * (1 - MOST_LOST):
            raise SourceError(
                f"{path} is kept: the new table has {now:,} {label}, it has {before:,}. Read the "
                "years that are missing, or accept the loss with --accept"
            )
