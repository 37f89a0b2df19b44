"""Train a network with early stopping; a killed run resumes at its last checkpoint.

A plain loop, because a framework would double the millisecond that a step of these networks takes.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import joblib
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from boxoffice.core import paths
from boxoffice.core.compute import cores, device, is_exact, threads
from boxoffice.core.files import replacing
from boxoffice.core.reports import rounded

if TYPE_CHECKING:  # prediction needs no DVCLive
    from dvclive import Live

CHECKPOINTS = paths.DATA / "cache" / "checkpoints"  # of this checkout alone
CHECKPOINT_SECONDS = 5.0  # between two checkpoints of one run
EVALUATION_BATCH = 256
_VERSION = 1  # of the loop: a checkpoint of another version is ignored


@dataclass
class Rows:
    """Rows that a network learns from.

    Parameters
    ----------
    inputs : dict of arrays of shape (n, ...)
    target : array of shape (n,)
    """

    inputs: dict[str, np.ndarray]
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    def batch(self, rows: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        """Inputs by name, and targets, of some rows; may draw from torch's random numbers."""
        inputs = {name: torch.from_numpy(values[rows]) for name, values in self.inputs.items()}
        return inputs, torch.from_numpy(self.target[rows])

    def fingerprint(self) -> str:
        """A hash of the content."""
        return joblib.hash((self.inputs, self.target), coerce_mmap=True)


@dataclass(frozen=True)
class Settings:
    """How to train: AdamW, the learning rate halved when the validation loss stays flat."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int  # at most
    patience: int  # epochs without a better validation loss until it stops


class Trained(NamedTuple):
    """A network with the weights of its best epoch, and how it got there.

    `history` has a row per epoch: `epoch` (from 1), `train_loss`, `val_loss`, `learning_rate`.
    """

    network: nn.Module
    best_epoch: int
    val_loss: float
    history: pd.DataFrame


def _forward(network: nn.Module, data: Rows, rows: Tensor, place: torch.device):
    """A network's outputs for some rows, and the targets: two float tensors."""
    inputs, target = data.batch(rows.numpy())
    inputs = {name: values.to(place) for name, values in inputs.items()}
    # bfloat16 where the GPU computes in it; it needs no scaling of gradients.
    reduced = place.type == "cuda" and torch.cuda.is_bf16_supported()
    with torch.autocast(place.type, torch.bfloat16, enabled=reduced):
        answer = network(inputs)
    return answer.float(), target.to(place)


def train_epoch(network, data, loss, optimizer, batch_size, place) -> float:
    """Train on every row once, in random order; returns the mean loss."""
    network.train()
    total = 0.0
    for rows in torch.randperm(len(data)).split(batch_size):
        value = loss(*_forward(network, data, rows, place))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        total += value.item() * len(rows)
    return total / len(data)


@torch.inference_mode()
def answers(network: nn.Module, data: Rows, place: torch.device) -> tuple[Tensor, Tensor]:
    """A network's outputs for all rows, in evaluation mode, and the targets."""
    network.to(place).eval()
    parts = torch.arange(len(data)).split(EVALUATION_BATCH)
    answer, target = zip(*(_forward(network, data, rows, place) for rows in parts), strict=True)
    return torch.cat(answer), torch.cat(target)


def predict(network: nn.Module, data: Rows) -> np.ndarray:
    """A network's outputs for all rows, float32, in their order."""
    with threads(1):
        return answers(network, data, device())[0].cpu().numpy()


def fingerprint(network: nn.Module, loss: nn.Module, *parts) -> str:
    """A hash of the layers and initial weights, and of everything else that decides a run."""
    weights = [
        {name: values.cpu().numpy() for name, values in module.state_dict().items()}
        for module in (network, loss)
    ]
    return joblib.hash([repr((_VERSION, network, loss, parts)), weights])


def save_checkpoint(path: Path, state: dict) -> None:
    with replacing(path) as temporary:
        torch.save(state, temporary)


def fit_network(
    network: nn.Module,
    train: Rows,
    validation: Rows,
    loss: nn.Module,
    settings: Settings,
    seed: int,
    checkpoint: Path | None = None,
    live: "Live | None" = None,
) -> Trained:
    """Train until the validation loss has not improved for `settings.patience` epochs.

    Order, dropout and augmentation of an epoch depend on the seed and the epoch alone, so a resumed
    run ends with the same weights as one that was never stopped.

    Parameters
    ----------
    network : Module
        Takes a dict of tensors; trained in place.
    train, validation : Rows
    loss : Module
        Of an answer and a target; the mean over rows.
    checkpoint : Path, optional
        Where to keep the state of the run; resumes from it if it is of the same network, data,
        settings and seed.
    live : Live, optional
        Gets the losses and the learning rate after every epoch.

    Raises
    ------
    ValueError
        If the validation loss is no finite number.
    """
    place = device()
    torch.use_deterministic_algorithms(place.type == "cuda", warn_only=True)
    network.to(place)
    loss.to(place)
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    data = train.fingerprint(), validation.fingerprint()
    run = fingerprint(network, loss, settings, seed, is_exact(), *data)
    state = {"run": run, "history": [], "best_epoch": 0, "val_loss": float("inf")}
    if checkpoint and checkpoint.exists():
        found = torch.load(checkpoint, weights_only=True, map_location="cpu")
        state = found if found["run"] == run else state
    moving = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
    for name in moving.keys() & state.keys():  # a finished run has its best weights only
        moving[name].load_state_dict(state.pop(name))

    def finished() -> bool:
        epoch = len(state["history"])
        return epoch >= settings.epochs or epoch - state["best_epoch"] >= settings.patience

    for row in state["history"]:
        log(live, row)
    saved = time.monotonic()
    with threads(1):  # the same sums on every number of cores
        while not finished():
            epoch = len(state["history"]) + 1
            torch.manual_seed(seed + 1_000_003 * epoch)
            rate = optimizer.param_groups[0]["lr"]
            train_loss = train_epoch(network, train, loss, optimizer, settings.batch_size, place)
            val_loss = loss(*answers(network, validation, place)).item()
            if not np.isfinite(val_loss):
                raise ValueError(
                    f"training diverged: the validation loss of epoch {epoch} is {val_loss}; "
                    f"lower the learning rate, now {settings.learning_rate:g}"
                )
            scheduler.step(val_loss)
            if val_loss < state["val_loss"]:
                best = {name: values.cpu().clone() for name, values in network.state_dict().items()}
                state |= {"best": best, "best_epoch": epoch, "val_loss": val_loss}
            row = {
                "epoch": epoch,
                "train_loss": train_loss,
                "val_loss": val_loss,
                "learning_rate": rate,
            }
            state["history"].append(row)
            log(live, row)
            if checkpoint and not finished() and time.monotonic() - saved > CHECKPOINT_SECONDS:
                parts = {name: part.state_dict() for name, part in moving.items()}
                save_checkpoint(checkpoint, state | parts)
                saved = time.monotonic()
    network.load_state_dict(state["best"])
    if checkpoint:
        save_checkpoint(checkpoint, state)
    history = pd.DataFrame(state["history"])
    return Trained(network.cpu().eval(), state["best_epoch"], state["val_loss"], history)


def log(live: "Live | None", row: dict) -> None:
    """Pass an epoch's figures to DVCLive, rounded like all reports."""
    if live is None:
        return
    live.log_metric("train/loss", rounded(row["train_loss"]))
    live.log_metric("validation/loss", rounded(row["val_loss"]))
    live.log_metric("learning_rate", rounded(row["learning_rate"]))
    live.next_step()


def live_log(stage: str) -> "Live":
    """DVCLive's log of a stage, which `dvc plots` draws: `reports/curves/<stage>/plots`."""
    from dvclive import Live

    return Live(
        str(paths.CURVES / stage),
        save_dvc_exp=False,
        dvcyaml=None,
        report=None,
        monitor_system=False,
    )


def side_by_side(function: Callable, calls: Iterable[dict]) -> Iterator:
    """Call a function with each dict of keyword arguments, on all cores; yields results in order.

    The work begins at once. On a GPU, which they would share, the calls run one by one.
    """
    calls = list(calls)
    n_jobs = 1 if device().type != "cpu" else min(cores(), len(calls))
    work = (joblib.delayed(in_worker)(os.getpid(), function, call) for call in calls)
    return joblib.Parallel(n_jobs=n_jobs, return_as="generator")(work)


def in_worker(parent: int, function: Callable, call: dict):
    """Call a function in a process that ends when its parent has been killed."""
    if os.getpid() != parent and "watch" not in (thread.name for thread in threading.enumerate()):
        threading.Thread(target=end_with, args=(os.getppid(),), name="watch", daemon=True).start()
    return function(**call)


def end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def forget(stage: str) -> None:
    """Delete the checkpoints of a finished stage."""
    shutil.rmtree(CHECKPOINTS / stage, ignore_errors=True)
