"""Training: it learns, stops, resumes, and gives the same weights every time."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from torch import nn

from boxoffice.core import paths
from boxoffice.networks import training
from boxoffice.networks.training import Rows, Settings, fit_network, live_log, predict, side_by_side

SETTINGS = Settings(learning_rate=0.01, weight_decay=1e-4, batch_size=8, epochs=6, patience=6)


class Line(nn.Module):
    """A small network with dropout, so that random numbers matter."""

    def __init__(self, dropout=0.3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 1), nn.Flatten(0)
        )

    def forward(self, inputs):
        return self.layers(inputs["x"])


def some_rows(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype("float32")
    return Rows({"x": x}, (x @ [1.0, -2.0, 0.5]).astype("float32"))


def network(seed=0, dropout=0.3):
    torch.manual_seed(seed)
    return Line(dropout)


def weights(trained):
    return {name: value.numpy() for name, value in trained.network.state_dict().items()}


def same(first, second):
    return all(np.array_equal(first[name], second[name]) for name in first)


def test_a_network_learns():
    rows = some_rows()
    before = evaluate(network(), rows)
    trained = fit_network(network(), rows, some_rows(seed=1), nn.MSELoss(), SETTINGS, seed=1)
    assert evaluate(trained.network, rows) < before / 2


def evaluate(net, rows):
    return float(np.mean((predict(net, rows) - rows.target) ** 2))


def test_the_best_weights_are_kept_and_their_loss_is_told():
    rows, validation = some_rows(), some_rows(seed=1)
    trained = fit_network(network(), rows, validation, nn.MSELoss(), SETTINGS, seed=1)
    best = trained.history["val_loss"].idxmin()
    assert trained.best_epoch == trained.history["epoch"][best]
    assert trained.val_loss == trained.history["val_loss"].min()
    assert evaluate(trained.network, validation) == pytest.approx(trained.val_loss, rel=1e-5)


def test_it_stops_when_the_validation_loss_stays_flat():
    rows = some_rows()
    wrong = Rows(rows.inputs, -rows.target)  # learning makes it worse
    patient = Settings(0.05, 0.0, batch_size=8, epochs=50, patience=3)
    trained = fit_network(network(), rows, wrong, nn.MSELoss(), patient, seed=1)
    assert len(trained.history) == trained.best_epoch + 3 < 50


def test_the_learning_rate_falls_on_a_plateau():
    rows = some_rows()
    wrong = Rows(rows.inputs, -rows.target)
    patient = Settings(0.05, 0.0, batch_size=8, epochs=20, patience=20)
    rates = fit_network(network(), rows, wrong, nn.MSELoss(), patient, seed=1).history[
        "learning_rate"
    ]
    assert rates.iloc[0] == 0.05
    assert rates.iloc[-1] < 0.02


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    rows, validation = some_rows(), some_rows(seed=1)
    first, again, other = (
        weights(fit_network(network(), rows, validation, nn.MSELoss(), SETTINGS, seed=seed))
        for seed in (1, 1, 2)
    )
    assert same(first, again)
    assert not same(first, other)


def test_what_was_drawn_before_does_not_matter():
    rows, validation = some_rows(), some_rows(seed=1)
    first = weights(fit_network(network(), rows, validation, nn.MSELoss(), SETTINGS, seed=1))
    net = network()
    torch.rand(100)
    assert same(first, weights(fit_network(net, rows, validation, nn.MSELoss(), SETTINGS, seed=1)))


def test_validation_rows_decide_when_to_stop_and_nothing_else():
    rows = some_rows()
    once = Settings(0.01, 0.0, batch_size=8, epochs=1, patience=1)
    first, other = (
        fit_network(network(), rows, some_rows(seed=seed), nn.MSELoss(), once, seed=1)
        for seed in (1, 2)
    )
    assert same(weights(first), weights(other))
    assert first.val_loss != other.val_loss


def test_predictions_keep_the_order_of_rows_and_change_no_weight():
    net, rows = network(), some_rows(n=training.EVALUATION_BATCH + 5)
    whole = predict(net, rows)
    assert whole.shape == (len(rows),)
    assert whole.dtype == np.float32
    one = Rows({"x": rows.inputs["x"][-1:]}, rows.target[-1:])
    assert predict(net, one) == pytest.approx(whole[-1:], abs=1e-6)


# Checkpoints


def test_a_finished_run_is_not_trained_again(tmp_path):
    rows, validation, path = some_rows(), some_rows(seed=1), tmp_path / "run.pt"
    first = fit_network(
        network(), rows, validation, nn.MSELoss(), SETTINGS, seed=1, checkpoint=path
    )
    written = path.read_bytes()
    again = fit_network(
        network(), rows, validation, nn.MSELoss(), SETTINGS, seed=1, checkpoint=path
    )
    assert same(weights(first), weights(again))
    pd.testing.assert_frame_equal(first.history, again.history)
    assert path.read_bytes() == written


@pytest.mark.parametrize(
    "change", ["seed", "settings", "training", "validation", "network", "dropout", "loss"]
)
def test_a_checkpoint_of_another_run_does_not_count(tmp_path, change):
    path = tmp_path / "run.pt"
    rows, validation = some_rows(), some_rows(seed=1)
    fit_network(network(), rows, validation, nn.MSELoss(), SETTINGS, seed=1, checkpoint=path)
    arguments = {
        "train": some_rows(seed=7) if change == "training" else rows,
        "validation": some_rows(seed=8) if change == "validation" else validation,
        "loss": nn.HuberLoss(delta=0.1) if change == "loss" else nn.MSELoss(),
        "settings": Settings(0.02, 0.0, 8, 6, 6) if change == "settings" else SETTINGS,
        "seed": 2 if change == "seed" else 1,
    }

    def started():
        return network(5 if change == "network" else 0, 0.0 if change == "dropout" else 0.3)

    with_file = fit_network(started(), **arguments, checkpoint=path)
    assert same(weights(with_file), weights(fit_network(started(), **arguments)))


def test_a_loss_that_is_no_number_stops_with_a_remedy():
    rows = some_rows()
    broken = Rows(rows.inputs, rows.target * np.float32("nan"))
    with pytest.raises(ValueError, match=r"diverged.*epoch 1.*lower the learning rate"):
        fit_network(network(), broken, broken, nn.MSELoss(), SETTINGS, seed=1)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
from torch import nn
from boxoffice.networks import training
from test_training import Rows, Settings, fit_network, network, some_rows

class Slow(Rows):
    def batch(self, rows):
        import time
        time.sleep(0.02)
        return super().batch(rows)

training.CHECKPOINT_SECONDS = 0.0
rows = some_rows()
fit_network(network(), Slow(rows.inputs, rows.target), some_rows(seed=1), nn.MSELoss(),
    Settings(0.01, 1e-4, 8, 40, 40), seed=1, checkpoint=Path({path!r}))
"""


def test_a_killed_run_resumes_and_ends_as_if_it_had_not_been_killed(tmp_path):
    path = tmp_path / "run.pt"
    script = textwrap.dedent(KILLED).format(tests=str(Path(__file__).parent), path=str(path))
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    until = time.monotonic() + 300  # a busy machine takes minutes to import torch
    while not (path.exists() and reached(path) >= 3) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stopped_at = reached(path)
    assert 3 <= stopped_at < 40

    rows, validation = some_rows(), some_rows(seed=1)
    settings = Settings(0.01, 1e-4, 8, 40, 40)
    straight = fit_network(network(), rows, validation, nn.MSELoss(), settings, seed=1)
    resumed = fit_network(
        network(), rows, validation, nn.MSELoss(), settings, seed=1, checkpoint=path
    )
    assert same(weights(straight), weights(resumed))
    pd.testing.assert_frame_equal(straight.history, resumed.history)


def reached(path):
    """The epoch of a checkpoint."""
    return len(torch.load(path, weights_only=True)["history"])


def test_forgetting_drops_a_stages_checkpoints_only(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINTS", tmp_path)
    for stage in ("poster", "multimodal"):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "run.pt").write_bytes(b"x")
    training.forget("poster")
    assert [path.name for path in tmp_path.iterdir()] == ["multimodal"]
    training.forget("poster")  # nothing to forget is no error


# Logs and cores


def test_dvclive_draws_every_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "CURVES", tmp_path)
    with live_log("poster") as live:
        trained = fit_network(
            network(), some_rows(), some_rows(seed=1), nn.MSELoss(), SETTINGS, seed=1, live=live
        )
    drawn = tmp_path / "poster" / "plots" / "metrics"
    losses = pd.read_csv(drawn / "validation" / "loss.tsv", sep="\t")
    assert losses["loss"].to_numpy() == pytest.approx(trained.history["val_loss"], rel=1e-5)
    assert {path.name for path in drawn.rglob("*.tsv")} == {"loss.tsv", "learning_rate.tsv"}


def train_one(seed):
    return fit_network(network(), some_rows(), some_rows(seed=1), nn.MSELoss(), SETTINGS, seed=seed)


def test_trainings_side_by_side_answer_in_order_as_one_by_one():
    together = list(side_by_side(train_one, [{"seed": seed} for seed in (1, 2, 3)]))
    for seed, trained in zip((1, 2, 3), together, strict=True):
        assert same(weights(train_one(seed)), weights(trained))


ORPHANED = """
import sys
sys.path.insert(0, {tests!r})
from test_training import linger, training
list(training.side_by_side(linger, [dict(path={path!r} + str(n)) for n in range(2)]))
"""


def linger(path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(120)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = ORPHANED.format(tests=str(Path(__file__).parent), path=str(tmp_path / "worker"))
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT / "scripts")}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment)
    until = time.monotonic() + 300  # a busy machine takes minutes to import torch
    while not all_written(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    workers = [psutil.Process(int(path.read_text())) for path in tmp_path.iterdir()]
    assert workers
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs([w for w in workers if w.pid != parent.pid], timeout=20)
    assert alive == []


def all_written(folder):
    files = list(folder.iterdir())
    return bool(files) and all(path.read_text() for path in files)
