"""Drift of what is asked: the last films of requests beside the training films, as gauges.

The gauges tell how films differ as a whole, and nothing of any one. Films of tables don't count:
other processes score them.
"""

from collections import deque
from collections.abc import Iterator
from time import monotonic

import pandas as pd
from anyio import to_thread
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from boxoffice.forecasts.forecasts import Answering, Forecasts
from boxoffice.live.drift import FEWEST_WATCHED, drift

MOST = 1000  # films of each feature set that are remembered
EVERY = 60.0  # seconds from one measurement to the next
# Gauges of each feature, and the columns of `drift` that they show.
BY_FEATURE = {
    "ks": ("ks", "Kolmogorov-Smirnov distance from the training films."),
    "wasserstein": ("wasserstein", "Wasserstein distance, in their standard deviations."),
    "missing_share": ("missing", "Share of the films that it is unknown of."),
    "missing_share_training": ("missing_training", "The same of the training films."),
    "unseen_share": ("unseen", "Share of the known values outside the training films' range."),
}


class AskedFilms(Collector):
    """The last films of requests, by feature set, and how far they lie from the training films.

    A film that is asked about again with the same features counts once. Of fewer than
    `drift.FEWEST_WATCHED` films there is no gauge but their number.

    Parameters
    ----------
    forecasts : Forecasts
        Which tells what it is asked, from now on.
    registry : CollectorRegistry
    every : float
        Seconds from one measurement to the next.

    Attributes
    ----------
    found : dict of feature set to (int, DataFrame or None)
        The number of different films and, of enough of them, `drift.drift`.
    """

    def __init__(self, forecasts: Forecasts, registry: CollectorRegistry, every: float = EVERY):
        self._models, self._every = forecasts.models, every
        self._films = {name: deque(maxlen=MOST) for name in self._models}
        # Read now, for the folder may hold other models later.
        self._learned = {name: each.training_features() for name, each in self._models.items()}
        self._training: dict[str, pd.DataFrame] = {}  # with forecasts, which wait until needed
        self.found: dict[str, tuple[int, pd.DataFrame | None]] = {}
        self._asked = self._measured = 0
        self._next = 0.0
        forecasts.on_asked = self.remember
        registry.register(self)

    def remember(self, asked: Answering) -> None:
        """Keep the features of films, a row each."""
        self._films[asked.models.feature_set].extend(asked.features)
        self._asked += 1

    async def measure(self) -> None:
        """Measure in a thread, if films have come since the last time and that is a while ago."""
        if self._asked == self._measured or monotonic() < self._next:
            return
        self._measured, self._next = self._asked, monotonic() + self._every
        self.found = await to_thread.run_sync(self._measurements)

    def _measurements(self) -> dict[str, tuple[int, pd.DataFrame | None]]:
        found = {}
        for name, films in self._films.items():
            asked = pd.DataFrame(list(films), dtype="float32").drop_duplicates()
            enough = len(asked) >= FEWEST_WATCHED
            found[name] = len(asked), self._drift(name, asked) if enough else None
        return found

    def _drift(self, name: str, asked: pd.DataFrame) -> pd.DataFrame:
        models = self._models[name]
        if name not in self._training:
            self._training[name] = models.with_features(self._learned[name])
        return drift(self._training[name], models.with_features(asked.to_numpy()))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of the last measurement."""
        films = _gauge("drift_films", f"Different ones among the last {MOST} films.")
        drifted = _gauge("drifted_features", "Features and forecasts that have drifted.")
        for name, (number, table) in self.found.items():
            films.add_metric([name], number)
            if table is not None:
                drifted.add_metric([name], int(table["drifted"].sum()))
        yield from (films, drifted)
        for gauge, (column, words) in BY_FEATURE.items():
            family = _gauge(f"drift_{gauge}", words, "feature")
            for name, (_, table) in self.found.items():
                for feature, value in () if table is None else table[column].dropna().items():
                    family.add_metric([name, feature], value)
            yield family


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"boxoffice_{name}", words, labels=("model", *labels))
