"""Nominal and real dollars."""

import numpy as np
import pandas as pd

from boxoffice.films.money import BASE, CPI, log_prices, usd_in_words


def factor(day):
    return float(np.exp(log_prices(np.array([day], dtype="datetime64[D]")))[0])


def test_prices_are_relative_to_the_base_month():
    assert factor(f"{BASE}-15") == 1
    # The index was 213.856 in May 2009 and 257.971 in January 2020.
    assert abs(factor("2009-05-10") - 213.856 / 257.971) < 1e-6


def test_before_the_first_month_and_after_the_last_their_values_hold():
    table = pd.read_csv(CPI)
    assert factor("1890-01-01") == factor(f"{table['month'].iloc[0]}-20")
    assert factor("2099-01-01") == factor(f"{table['month'].iloc[-1]}-20")


def test_a_month_without_a_value_has_that_before_it():
    months = pd.read_csv(CPI)["month"].tolist()
    assert "2025-10" not in months  # no prices were collected
    assert factor("2025-10-05") == factor("2025-09-05") != factor("2025-11-05")


def test_prices_are_in_order_and_none_is_missing_otherwise():
    table = pd.read_csv(CPI)
    months = pd.period_range(table["month"].iloc[0], table["month"].iloc[-1], freq="M")
    assert set(months.astype(str)) - set(table["month"]) == {"2025-10"}
    assert table["month"].is_monotonic_increasing
    assert table["index"].between(9, 1000).all()


def test_amounts_are_put_in_words():
    amounts = [0, 423, 85_049, 999_600, 412_345_678, 1_842_880_000]
    assert [usd_in_words(usd) for usd in amounts] == [
        "$0",
        "$423",
        "$85,000",
        "$1 million",
        "$412 million",
        "$1.84 billion",
    ]
    assert usd_in_words(85_049, ((1e3, "k"),)) == "$85k"
