"""Figures and faults in the words of people who don't code."""

import math
import re

from boxoffice.films.money import usd_in_words
from boxoffice.forecasts.drivers import MOST_EFFECT
from boxoffice.forecasts.request import Film

# How the page calls the fields of a request.
LABELS = {name: name.replace("_", " ").capitalize() for name in Film.model_fields} | {
    "original_language": "Language",
    "vote_avg": "Average vote",
    "vote_count": "Number of votes",
    "votes_of": "Voted at",
}
_NAME = re.compile(r"[a-z_]*")


def money(usd: float) -> str:
    """US dollars to three significant digits: 412345678 -> '$412 million'."""
    return usd_in_words(usd)


def short_money(usd: float) -> str:
    """As `money`, for a table: 412345678 -> '$412m'."""
    return usd_in_words(usd, ((1e9, "bn"), (1e6, "m"), (1e3, "k")))


def percent(share: float) -> str:
    """A share of 1 as a whole percentage, never 0% or 100%: 0.578 -> '58%'."""
    if share < 0.01:
        return "under 1%"
    if share > 0.99:
        return "over 99%"
    return f"{share:.0%}"


def size(count: int) -> str:
    """Bytes in mebibytes: 52428800 -> '50 MiB'."""
    return f"{count / 2**20:,.1f}".removesuffix(".0") + " MiB"


def in_ten(share: float) -> str:
    """0.9 -> '9 in 10', 0.88 -> '88 in 100'."""
    tenths = round(share * 10, 1)
    return f"{tenths:.0f} in 10" if tenths.is_integer() else f"{share * 100:.0f} in 100"


def effect_on_revenue(log_effect: float) -> str:
    """A factor, given as its natural log, as what it adds or takes: 0.83 -> '+129%'."""
    factor = math.exp(min(log_effect, MOST_EFFECT))
    if factor >= 10:
        return f"× {factor:.0f}"
    return f"{factor - 1:+.0%}".replace("-", "−")


def effect_on_chance(difference: float) -> str:
    """A difference of probabilities in percentage points: -0.05 -> '−5 points'."""
    return f"{difference * 100:+.0f} points".replace("-", "−")


def name_list(text: str | None) -> list[str] | None:
    """'Sam Neill, Laura Dern' as a list of names; None where there is none."""
    names = [name.strip() for name in re.split(r"[,;\n]", text or "") if name.strip()]
    return names or None


def plain(warning: str) -> str:
    """A warning that starts with a field's name, with what the form calls it."""
    name = _NAME.match(warning).group()
    return LABELS[name] + warning[len(name) :] if name in LABELS else warning
