"""Units of the features, in words, for the cards of exported models."""

UNITS = {
    "log_budget": "natural log of 1 + nominal USD",
    "runtime": "minutes",
    "popularity": "TMDB popularity, no unit",
    "cast_popularity": "mean TMDB popularity, no unit",
    "crew_popularity": "mean TMDB popularity, no unit",
    "vote_average": "points of 10",
    "vote_count": "votes",
    "log_popularity": "natural log of 1 + TMDB popularity",
    "log_vote_count": "natural log of 1 + votes",
    "budget_rank": "share of the films of the last years with a smaller budget, 0-1",
    "budget_relative": "natural log of budget / mean budget of the last years",
    "release_year": "year",
    "release_month": "month, 1-12",
    "weekday": "day of the week, Monday = 0",
    "season_sin": "sine of the day of the year",
    "season_cos": "cosine of the day of the year",
    "avg_watch_time": "minutes",
    "completion_rate": "share, 0-1",
    "ratings_count": "ratings",
    "avg_rating": "stars, 1-5",
}
TRACK_RECORD_UNITS = {
    "_count": "natural log of 1 + prior films",
    "_revenue_best": "natural log of 1 + nominal USD",
    "_return_mean": "natural log of revenue / budget",
}


def unit(name: str) -> str:
    """The unit of a feature, in words."""
    if name in UNITS:
        return UNITS[name]
    endings = (words for ending, words in TRACK_RECORD_UNITS.items() if name.endswith(ending))
    return next(endings, "0 or 1")
