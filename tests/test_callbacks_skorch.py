"""Each callback of skorch as its users know it: clipping, scores, freezing, loggers."""

import copy
import json

import numpy as np
import pytest
import torch
from cases import FILTERS, equal_states, states
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    InputShapeSetter,
    LoadInitState,
    MlflowLogger,
    PrintLog,
    TensorBoard,
    TrainEndCheckpoint,
    WandbLogger,
)
from trainings import QUICK

from sklearn_cass import AESeparator, CASSSeparator, GANSeparator, load
from sklearn_cass.metrics import sdr_score, si_sdr_score

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def fit(cls, data, *callbacks, **settings):
    return cls(**QUICK | settings, callbacks=list(callbacks)).fit(*data)


FAMILY = pytest.mark.parametrize("cls", [AESeparator, CASSSeparator])


# --- history --------------------------------------------------------------------------

ADVERSARIAL = {"adversarial_loss", "discriminator_loss", "cross_loss"}


@pytest.mark.parametrize("cls", [AESeparator, CASSSeparator, GANSeparator])
def test_history_holds_one_number_for_each_loss_and_component(cls, data):
    network = FILTERS["network"] if cls is GANSeparator else QUICK["network"]
    separator = fit(cls, data, network=network)
    n_pairs = 1 if cls is GANSeparator else 2
    lists = {"reconstruction_loss"} | (ADVERSARIAL if cls is not AESeparator else set())
    sizes = dict.fromkeys(lists, n_pairs) | {"valid_relative_error": 2}
    for row in separator.history_:
        numbers = {name for name in row if name != "batches"}
        assert all(isinstance(row[name], int | float) for name in numbers)
        for name, size in sizes.items():
            assert row[name] == [row[f"{name}_{k}"] for k in range(size)]
            assert name in row and name not in set(row)
            assert f"{name}_{size}" not in row
        assert "other" not in row and row.get("other") is None
    by_epoch = separator.history_[:, "reconstruction_loss"]
    assert np.shape(by_epoch) == (QUICK["max_epochs"], n_pairs)
    with pytest.raises(KeyError):
        separator.history_[:, "other"]


def test_loaded_history_reads_alike(data):
    separator = fit(AESeparator, data)
    separator.save("a")
    loaded = load("a", classes=[type(p) for p in separator.net_.module_.parts()])
    for name in ("reconstruction_loss", "valid_relative_error", "train_loss"):
        assert loaded.history_[:, name] == separator.history_[:, name]


# --- gradients ------------------------------------------------------------------------


class Norms(Callback):
    """Record the norms of the gradients announced."""

    def on_train_begin(self, net, **kwargs):
        self.norms_ = []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        gradients = [weight.grad.norm() for _, weight in named_parameters]
        self.norms_.append(float(torch.stack(gradients).norm()))


@FAMILY
def test_clipping_bounds_the_gradients(cls, data):
    free, clipped = Norms(), Norms()
    settings = {"optimizer": torch.optim.SGD}
    without = fit(cls, data, free, **settings)
    limit = float(np.median(free.norms_))
    clipping = GradientNormClipping(limit)
    found = fit(cls, data, clipping, clipped, **settings)
    assert max(free.norms_) > 1.01 * limit
    assert max(clipped.norms_) <= limit * (1 + 1e-5)
    n_players = 1 if cls is AESeparator else 2
    n_steps = QUICK["max_epochs"] * found.history_[0, "train_batch_count"]
    assert len(clipped.norms_) == n_players * n_steps
    assert not equal_states(states(found)[0], states(without)[0])


def test_clipping_that_clips_nothing_changes_nothing(data):
    found = fit(CASSSeparator, data, GradientNormClipping(1e9))
    expected = fit(CASSSeparator, data)
    assert all(map(equal_states, states(found), states(expected)))


@FAMILY
def test_frozen_weights_stay(cls, data):
    names = []

    class Begin(Callback):
        def on_train_begin(self, net, **kwargs):
            names.append(copies(net))

    def copies(net):
        return {
            (role, name): weight.detach().clone()
            for role, module in net.trained_modules().items()
            for name, weight in module.named_parameters()
        }

    separator = fit(cls, data, Freezer("0.*"), Begin())
    (before,), after = names, copies(separator.net_)
    for (role, name), weight in after.items():
        is_frozen = name.startswith("0.")
        assert torch.equal(weight, before[role, name]) == is_frozen, (role, name)


# --- scores ---------------------------------------------------------------------------


@FAMILY
def test_scores_of_the_validation_set(cls, data):
    scoring = EpochScoring(sdr_score, name="sdr", lower_is_better=False)
    separator = fit(cls, data, scoring, early_stopping=False)
    history = separator.history_
    assert len(history[:, "sdr"]) == QUICK["max_epochs"]
    best = np.maximum.accumulate([-np.inf, *history[:-1, "sdr"]])
    assert history[:, "sdr_best"] == list(np.array(history[:, "sdr"]) > best)
    # the last one is that of the fitted separator, on the same rows
    seen = []

    def score(net, X, y):
        seen.append((X, y, net.predict(X)))
        return 0.0

    again = fit(cls, data, EpochScoring(score, name="zero"))
    X, y, estimates = seen[-1]
    assert X.shape[1:] == data[0].shape[1:] and y.shape[1:] == data[1].shape[1:]
    np.testing.assert_array_equal(estimates, again.transform(X))
    assert history[-1, "sdr"] == pytest.approx(separator.score(X, y))
    error = np.sqrt(((y - estimates) ** 2).sum(-1) / (y**2).sum(-1)).mean(0)
    np.testing.assert_allclose(history[-1, "valid_relative_error"], error, rtol=1e-5)


def test_scores_of_the_training_set(data):
    X, y = data
    rows = []

    def score(net, X, y):
        rows.append(X)
        return si_sdr_score(net, X, y)

    scoring = EpochScoring(score, name="train", on_train=True, lower_is_better=False)
    separator = fit(AESeparator, data, scoring, validation_fraction=None)
    assert sorted(map(tuple, rows[-1])) == sorted(map(tuple, X))
    expected = si_sdr_score(separator, X, y)
    assert separator.history_[-1, "train"] == pytest.approx(expected)


def test_scoring_changes_no_weight(data):
    scores = [EpochScoring(sdr_score, name=f"a{t}", on_train=t) for t in (True, False)]
    found = fit(CASSSeparator, data, *scores)
    expected = fit(CASSSeparator, data)
    assert all(map(equal_states, states(found), states(expected)))
    assert vars(found.net_).keys() == vars(expected.net_).keys()


def test_scores_of_isolated_recordings(data):
    _, y = data
    recordings, labels = y.reshape(-1, y.shape[-1]), [0, 1] * len(y)
    scoring = EpochScoring(sdr_score, name="sdr", lower_is_better=False)
    separator = fit(AESeparator, (recordings, labels), scoring)
    assert np.isfinite(separator.history_[:, "sdr"]).all()


def test_training_stops_by_a_score(data):
    def score(net, X, y):
        return float(len(net.history))

    callbacks = [EpochScoring(score, name="mine"), EarlyStopping("mine", patience=2)]
    separator = fit(AESeparator, data, *callbacks, max_epochs=9)
    assert separator.n_iter_ == 3


REFUSED = {
    "batches": (BatchScoring("r2"), "BatchScoring .* use EpochScoring"),
    "shapes": (InputShapeSetter(), "InputShapeSetter is not needed"),
    "no validation set": (EpochScoring(sdr_score), ".*validation_fraction .*on_train"),
    "no best model": (WandbLogger(None), "WandbLogger .* save_model=False"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_work_is_refused(kind, data):
    callback, message = REFUSED[kind]
    separator = AESeparator(**QUICK).fit(*data)
    expected = states(separator)
    separator.set_params(callbacks=[callback], validation_fraction=None)
    with pytest.raises(ValueError, match=f"callbacks: {message}"):
        separator.fit(*data)
    assert states(separator)[0].keys() == expected[0].keys()  # the fit before is kept


# --- checkpoints ----------------------------------------------------------------------

PLAYERS = {
    "f_discriminators": "discriminators.pt",
    "f_discriminator_optimizer": "discriminator_optimizer.pt",
}


def test_checkpoint_holds_discriminators(data):
    settings = {"lr": 3.0, "lr_schedule": "constant", "max_epochs": 6}
    checkpoint = Checkpoint(load_best=True, **PLAYERS)
    separator = fit(CASSSeparator, data, checkpoint, **settings)
    for name, state in zip(
        ("params", "discriminators"), states(separator), strict=True
    ):
        assert equal_states(torch.load(f"{name}.pt"), state)
    best = np.argmin(separator.history_[:, "valid_loss"])
    assert len(separator.history_) == best + 1  # that of the best epoch
    assert np.shape(separator.history_[:, "reconstruction_loss"]) == (best + 1, 2)


def test_training_begins_with_a_checkpoint(data):
    checkpoint = TrainEndCheckpoint(dirname="end", **PLAYERS)
    settings = {"lr_schedule": "constant", "validation_fraction": None}
    first = fit(CASSSeparator, data, checkpoint, **settings)
    begun = []

    class Begin(Callback):
        def on_epoch_begin(self, net, **kwargs):
            modules = net.trained_modules().values()
            begun.append([copy.deepcopy(m.state_dict()) for m in modules])

    others = {"max_epochs": 1, "random_state": 7}
    fit(CASSSeparator, data, LoadInitState(checkpoint), Begin(), **settings | others)
    assert all(map(equal_states, begun[0], states(first)))


# --- loggers --------------------------------------------------------------------------

SCALARS = {
    *("train_loss", "valid_loss", "valid_error", "dur"),
    *("reconstruction_loss_0", "reconstruction_loss_1"),
    *("valid_relative_error_0", "valid_relative_error_1"),
}


def test_print_log_prints_a_table(data, capsys):
    fit(AESeparator, data, PrintLog())
    header, lines, *rows = capsys.readouterr().out.strip().splitlines()
    assert set(header.split()) == SCALARS | {"epoch"}
    assert len(rows) == QUICK["max_epochs"]
    assert set(lines) == {"-", " "}
    assert all(len(row.split()) == len(SCALARS) + 1 for row in rows)


def test_print_log_writes_to_a_sink(data, capsys):
    lines = []
    fit(AESeparator, data, PrintLog(sink=lines.append))
    assert len(lines) == 2 + QUICK["max_epochs"]
    assert capsys.readouterr().out == ""


class Writer:
    """Writer of TensorBoard that keeps what it is given."""

    def __init__(self):
        self.values, self.is_closed = {}, False

    def add_scalar(self, tag, scalar_value, global_step):
        self.values.setdefault(tag, []).append((global_step, float(scalar_value)))

    def close(self):
        self.is_closed = True


def assert_logged(values, separator, names=SCALARS):
    """Compare logged values, (step, value) by name, with the history."""
    for name in names:
        recorded = enumerate(separator.history_[:, name], 1)
        assert values[name] == [(step, float(value)) for step, value in recorded]


@FAMILY
def test_tensorboard_gets_every_number(cls, data):
    writer = Writer()
    separator = fit(cls, data, TensorBoard(writer, key_mapper=str))
    assert_logged(writer.values, separator)
    extra = {f"{name}_{k}" for name in ADVERSARIAL for k in range(2)}
    extra = extra if cls is CASSSeparator else set()
    assert set(writer.values) == SCALARS | extra
    assert writer.is_closed


def test_tensorboard_writes_a_file(data):
    writers = pytest.importorskip("torch.utils.tensorboard")
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    separator = fit(AESeparator, data, TensorBoard(writers.SummaryWriter("runs")))
    reader = events.EventAccumulator("runs").Reload()
    found = [e.value for e in reader.Scalars("Loss/valid_loss")]
    np.testing.assert_allclose(found, separator.history_[:, "valid_loss"], rtol=1e-6)
    assert "reconstruction_loss_1" in reader.Tags()["scalars"]


class Client:
    """Client of MLflow that keeps what it is given."""

    def __init__(self):
        self.values, self.files, self.ended = {}, {}, None

    def log_metric(self, run_id, name, value, step):
        assert isinstance(value, int | float)
        self.values.setdefault(name, []).append((step, float(value)))

    def log_artifact(self, run_id, path):
        self.files[path.name] = path.read_bytes()

    def set_terminated(self, run_id):
        self.ended = run_id


class Run:
    """Run of MLflow."""

    class info:
        run_id = "a run"


@FAMILY
def test_mlflow_logger_gets_every_number(cls, data):
    client = Client()
    separator = fit(cls, data, MlflowLogger(Run(), client))
    assert_logged(client.values, separator)
    assert client.ended == "a run"
    history = json.loads(client.files["history.json"])
    assert history[-1]["train_loss"] == separator.history_[-1, "train_loss"]


def test_mlflow_logger_gets_every_batch(data):
    client = Client()
    logger = MlflowLogger(Run(), client, log_on_batch_end=True, create_artifact=False)
    separator = fit(AESeparator, data, logger)
    losses = separator.history_[:, "batches", :, "train_loss"]
    found = [value for _, value in client.values["train_loss_batch"]]
    assert found == [loss for epoch in losses for loss in epoch]


class WandbRun:
    """Run of Weights & Biases that keeps what it is given."""

    def __init__(self, folder):
        self.dir, self.rows, self.watched = folder, [], []

    def watch(self, module):
        self.watched.append(module)

    def log(self, values):
        self.rows.append(values)


@pytest.mark.parametrize("saves", [True, False])
def test_wandb_logger_gets_every_number(saves, data, tmp_path):
    run = WandbRun(tmp_path)
    separator = fit(AESeparator, data, WandbLogger(run, save_model=saves))
    values = {n: [(i, row[n]) for i, row in enumerate(run.rows, 1)] for n in SCALARS}
    assert_logged(values, separator)
    assert set(run.rows[0]) == SCALARS
    assert run.watched == [separator.net_.module_]
    path = tmp_path / "best_model.pth"
    assert path.exists() == saves
    if saves:
        best = torch.load(path)
        assert best.keys() == states(separator)[0].keys()


# --- Optuna ---------------------------------------------------------------------------


def test_trials_of_optuna_are_pruned(data):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    reported, n_epochs = {}, {}

    def objective(trial):
        count = Count()
        pruning = integration.SkorchPruningCallback(trial, "valid_loss")
        settings = {"lr": [1e-2, 1e-30][trial.number], "max_epochs": 4}
        try:
            separator = fit(AESeparator, data, count, pruning, **settings)
        finally:
            n_epochs[trial.number] = count.n_epochs_
        reported[trial.number] = separator.history_[:, "valid_loss"]
        return separator.history_[-1, "valid_loss"]

    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=-1e9))
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state == optuna.trial.TrialState.PRUNED
    assert n_epochs == {0: 1} and not reported
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.optimize(objective, n_trials=1)
    steps = study.trials[0].intermediate_values
    assert list(steps.values()) == reported[0] and n_epochs[0] == 4


class Count(Callback):
    """Count epochs."""

    def on_train_begin(self, net, **kwargs):
        self.n_epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1


def test_exceptions_of_callbacks_reach_the_caller(data):
    class Pruned(Exception):
        """As Optuna ends a trial."""

    class Prune(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise Pruned

    with pytest.raises(Pruned):
        fit(AESeparator, data, Prune())
