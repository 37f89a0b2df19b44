"""What the cards of all models of films say in common."""

import pandas as pd

NOT_FOR = [
    "not for films far outside the training ranges on this card",
    "not for markets other than that of the training films, mostly American ones with a cinema run",
    "no cause and effect: a larger budget on the form is not a larger film",
]
AFTER_RELEASE = "not for films before release: it reads votes, which exist only afterwards"


def film_card(feature_set: str, films: pd.DataFrame, **own) -> dict:
    """A card's content for a model fitted on `films`, the training rows; `own` comes first."""
    return {
        **own,
        "feature_set": feature_set,
        "row_filter": "budget and revenue known (above 0)",
        "training_rows": len(films),
        "trained_until": str(films["release_date"].max().date()),
        "not_for": NOT_FOR if feature_set == "pre_release" else [*NOT_FOR, AFTER_RELEASE],
    }
