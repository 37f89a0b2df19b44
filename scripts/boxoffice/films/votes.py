"""Whose votes a film has, and one source's number of votes read as another's.

`scripts/transfer.py` measures the figures given here.

IMDb and TMDB both count the votes of their users, but far more people vote at IMDb: on the films
that both sources name, IMDb's number is 73 times TMDB's (median), and the ratio falls as votes
rise. A model that learned one source's votes therefore can't be given the other's as they are.

The translation is a line through the logarithms, by least squares:
log10(IMDb) = 2.467 + 0.717 log10(1 + TMDB). It was fitted on 2,286 films released up to 2008 that
the open films (IMDb's votes of about 2010) share with TMDB 5000 (TMDB's votes of about 2017),
matched by title and year; later films had not gathered their votes by 2010. The residuals have a
standard deviation of 0.454 in tenfold cross-validation, a factor of 2.8, though half of the films
lie within a factor of 1.44: some 4 % of the open films have the votes of another film of that
title. A square, an isotonic curve or the year of release lessen the standard deviation by less than
0.001. Today's films have more votes at TMDB than in 2017, which the line knows nothing of.

Mean votes are not translated. On the same films they differ by 0.06 on average and correlate at
0.83, and a line would only lessen their root mean squared difference from 0.69 to 0.68.
"""

import numpy as np

VOTE_SOURCES = {"imdb": "IMDb", "tmdb": "TMDB"}
DEFAULT_VOTES = "tmdb"  # the schema of requests and tables is TMDB's
VOTES_OF_SOURCE = {"open_films": "imdb"}  # folders of data/raw whose votes aren't the default's

INTERCEPT, SLOPE = 2.467, 0.717


def votes_of(source: str) -> str:
    """Whose votes a source holds, by its name: 'open_films' -> 'imdb'."""
    return VOTES_OF_SOURCE.get(source, DEFAULT_VOTES)


def source_of_votes(text: str | None) -> str | None:
    """'IMDb' -> 'imdb'; the default for nothing or a blank, None for a name that isn't known."""
    name = (text or "").strip().lower() or DEFAULT_VOTES
    return name if name in VOTE_SOURCES else None


def read_as(count: np.ndarray, of: str, to: str) -> np.ndarray:
    """Numbers of votes of one source as another would have counted them.

    Parameters
    ----------
    count : array of shape (n,)
        Whole numbers; NaN is unknown.
    of, to : str
        'imdb' or 'tmdb'.

    Returns
    -------
    array of shape (n,)
        Whole numbers, never fewer for more votes. None and unknown stay what they are.
    """
    if of == to:
        return count
    count = np.asarray(count, dtype=float)
    some = np.where(count > 0, count, 1.0)
    if to == "imdb":
        read = 10 ** (INTERCEPT + SLOPE * np.log10(1 + some))
    else:
        read = 10 ** ((np.log10(some) - INTERCEPT) / SLOPE) - 1
    return np.where(count > 0, np.maximum(np.round(read), 1), count)


def read_in_words(count: np.ndarray, of: str, to: str) -> list[str]:
    """Numbers of votes and what they are read as, to three digits.

    "11,800 of TMDB's, read as about 244,000 of IMDb's", say.
    """
    return [
        f"{votes:,.0f} of {VOTE_SOURCES[of]}'s, read as about {float(f'{read:.3g}'):,.0f} of "
        f"{VOTE_SOURCES[to]}'s"
        for votes, read in zip(count.tolist(), read_as(count, of, to).tolist(), strict=True)
    ]
