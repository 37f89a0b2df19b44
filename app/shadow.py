"""A challenger that forecasts the films that the service answers, unseen by clients.

It works in a process of its own, at a lower priority and after the answer: no request waits for it
or fails with it. A forecast doesn't change what a film earns, so champion and challenger can both
forecast every film; nobody has to be given the challenger's answer, as in an A/B split.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from math import log1p
from pathlib import Path
from time import monotonic
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from app.settings import MIB, Settings
from app.workers import Worker
from boxoffice.forecasts.canonical import from_requests
from boxoffice.forecasts.forecasts import Forecasts
from boxoffice.live.versions import version_of

MEMORY = 256 * MIB
MOST_WAITING = 256  # films; others are dropped
REST = 60.0  # seconds after a failure, in which films are dropped
PAUSE = 0.1  # seconds: answers go out first, and what comes meanwhile is forecast together
LOG_RATIOS = (-1.0, -0.5, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
OUTCOMES = ("answered", "dropped", "failed")


class Shadow:
    """Forecasts by the challenger, each a line of the log and a count in the metrics.

    One that fails, or takes longer than a request may, rests for `REST` and is started again.

    Parameters
    ----------
    settings : Settings
        With the folder `shadow`.
    champion : str
        The version that answers.
    registry, log
        Where it counts and what it writes to.

    Raises
    ------
    ModelFileError
        If the folder holds no models.
    """

    def __init__(self, settings: Settings, champion: str, registry: CollectorRegistry, log):
        self._log = log.bind(champion=champion, challenger=version_of(settings.shadow))
        make = partial(_forecaster, settings.shadow)
        self._new = lambda: Worker(make, MEMORY, settings.timeout)
        self._worker = self._new()
        self._waiting: list[tuple[dict, dict]] = []
        self._task: asyncio.Task | None = None
        self._resting_until = 0.0
        forecasts = Counter(
            "boxoffice_shadow_forecasts",
            "Films that the challenger was to forecast.",
            ("outcome",),
            registry=registry,
        )
        self._counts = {outcome: forecasts.labels(outcome) for outcome in OUTCOMES}
        self._log_ratios = Histogram(
            "boxoffice_shadow_log_ratio",
            "Natural log of the challenger's predicted revenue over the champion's.",
            buckets=LOG_RATIOS,
            registry=registry,
        )

    def follow(self, film: dict[str, Any], answer: dict[str, Any]) -> None:
        """Have the challenger forecast a film that was just answered, when there is time for it."""
        if monotonic() < self._resting_until or len(self._waiting) >= MOST_WAITING:
            self._counts["dropped"].inc()
            return
        self._waiting.append((film, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(PAUSE)
            asked, self._waiting = self._waiting, []
            try:
                async for forecasts in self._worker.ask([film for film, _ in asked]):
                    for (_, answer), revenue in zip(asked, forecasts, strict=True):
                        self._report(answer, revenue)
            except Exception as error:  # whatever it is, requests go on
                self._resting_until = monotonic() + REST
                self._counts["failed"].inc(len(asked))
                self._log.error("shadow failed", exc_info=error)
                with suppress(AttributeError):  # it has not even started
                    self._worker.kill()
                self._worker = self._new()

    def _report(self, answer: dict[str, Any], revenue: float) -> None:
        log_ratio = log1p(revenue) - log1p(answer["predicted_revenue"])
        self._counts["answered"].inc()
        self._log_ratios.observe(log_ratio)
        self._log.info(
            "shadow",
            model=answer["model"],
            champion_revenue=answer["predicted_revenue"],
            challenger_revenue=revenue,
            log_ratio=round(log_ratio, 6),
        )


def _forecaster(folder: Path) -> Callable[[list[dict[str, Any]]], Iterator[list[float]]]:
    forecasts = Forecasts(folder)

    def forecast(films: list[dict[str, Any]]):
        yield forecasts.score(from_requests(films, forecasts.names))["predicted_revenue"].tolist()

    return forecast
