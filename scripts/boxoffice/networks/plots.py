"""Pictures that the notebooks of both networks draw."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval = tuple[float, float, float]  # a value, and the ends of its 95 % interval


def draw_intervals(axis: "Axes", series: dict[str, dict[str, Interval]]) -> None:
    """Draw dots with intervals: a line per name, from the top, and a colour per series."""
    names = list(next(iter(series.values())))
    for place, (label, found) in enumerate(series.items()):
        value, lower, upper = np.array([found[name] for name in names]).T
        axis.errorbar(
            value,
            np.arange(len(names)) + 0.2 * (place - (len(series) - 1) / 2),
            xerr=np.abs([value - lower, upper - value]),
            fmt="o",
            markersize=4,
            capsize=2,
            label=label,
        )
    axis.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)


def draw_losses(axis: "Axes", histories: Iterable[pd.DataFrame], stopped: float) -> None:
    """Draw training and validation loss by epoch, a thin line per run, and a line at `stopped`."""
    for number, history in enumerate(histories):
        for column, label, colour in (
            ("train_loss", "training", "C0"),
            ("val_loss", "validation", "C1"),
        ):
            axis.plot(
                history["epoch"],
                history[column],
                color=colour,
                linewidth=1,
                label=label if number == 0 else None,
            )
    axis.axvline(stopped, color="k", linestyle=":", label="best epoch")
    axis.set(xlabel="epoch")
    axis.legend()
