"""Champion and challenger on the same films."""

import numpy as np
import pandas as pd
import pytest
from releases import known_films
from scipy.stats import ttest_rel

from boxoffice.live.shadow import FEWEST_PAIRED, interval_of_mean, paired_comparison
from boxoffice.tabular.backtest import backtest
from boxoffice.tabular.models import revenue_models


@pytest.fixture(scope="module")
def scores(workspace):
    """True forecasts of three years: a linear model as champion, against a line in the budget."""
    films = known_films(workspace)
    made = backtest(films, "pre_release", revenue_models(seed=0)["linear"], 2013, every=3)
    made = made[made["cutoff"] == 2008]
    rows = [
        pd.DataFrame(
            {
                "film_id": films["id"].loc[made["film"]].to_numpy(),
                "role": role,
                "log_error": made[forecast] - made["actual"],
            }
        )
        for role, forecast in (("champion", "frozen"), ("challenger", "log_budget"))
    ]
    return pd.concat(rows, ignore_index=True)


def of(scores, role):
    return scores[scores["role"] == role].set_index("film_id")["log_error"]


def test_a_worse_challenger_is_seen_to_be_worse(scores):
    found = paired_comparison(scores)
    champion, challenger = of(scores, "champion"), of(scores, "challenger")
    assert found["n"] == len(champion) > FEWEST_PAIRED
    assert found["rmse"]["champion"] == pytest.approx(np.sqrt((champion**2).mean()))
    difference = challenger**2 - champion**2
    assert found["difference"] == pytest.approx(difference.mean())
    assert 0 < found["lower"] < found["difference"] < found["upper"]


def test_pairs_tell_more_than_two_groups_of_films(scores):
    """What an A/B split would give: each film to one of the versions."""
    found = paired_comparison(scores)
    squared = (scores["log_error"] ** 2).groupby(scores["role"])
    apart = 2 * 1.96 * np.sqrt((2 * squared.var() / squared.size()).sum())  # half of the films each
    assert found["upper"] - found["lower"] < apart / 2


def test_the_interval_is_near_that_of_a_paired_t_test(scores):
    found = paired_comparison(scores)
    champion, challenger = of(scores, "champion") ** 2, of(scores, "challenger") ** 2
    expected = ttest_rel(challenger, champion[challenger.index]).confidence_interval(0.95)
    width = expected.high - expected.low
    assert found["lower"] == pytest.approx(expected.low, abs=width / 10)
    assert found["upper"] == pytest.approx(expected.high, abs=width / 10)


def test_films_of_one_version_alone_and_without_revenue_are_left_out(scores):
    champion, challenger = (scores[scores["role"] == role] for role in ("champion", "challenger"))
    films = len(champion)
    assert films > 35
    found = paired_comparison(pd.concat([champion.iloc[:-5], challenger.iloc[10:]]))
    assert found["n"] == films - 15
    unknown = scores.assign(log_error=scores["log_error"].where(scores.index != 0))
    assert paired_comparison(unknown)["n"] == films - 1
    other = scores.assign(role="retired")
    assert paired_comparison(pd.concat([scores, other])) == paired_comparison(scores)


def test_rows_in_another_order_say_the_same(scores):
    assert paired_comparison(scores.sample(frac=1, random_state=1)) == paired_comparison(scores)


@pytest.mark.parametrize("films", [0, 1, FEWEST_PAIRED - 1, FEWEST_PAIRED])
def test_few_films_have_no_interval(scores, films):
    chosen = scores["film_id"].unique()[:films]
    found = paired_comparison(scores[scores["film_id"].isin(chosen)])
    assert found["n"] == films
    assert (found["difference"] is None) == (films == 0)
    assert (found["lower"] is None) == (films < FEWEST_PAIRED)


def test_a_film_is_forecast_once_by_each(scores):
    with pytest.raises(ValueError, match="several rows of one role"):
        paired_comparison(pd.concat([scores, scores.iloc[:1]]))


def test_forecasts_of_one_film_are_drawn_together():
    """Repeating each value for its film changes nothing; as films of their own it would."""
    values = np.random.default_rng(0).standard_normal(200)
    once = interval_of_mean(values, np.arange(200))
    assert interval_of_mean(np.repeat(values, 4), np.repeat(np.arange(200), 4)) == pytest.approx(
        once
    )
    low, high = interval_of_mean(np.repeat(values, 4), np.arange(800))
    assert high - low < 0.6 * (once[1] - once[0])
