"""Callbacks: records, learning rates, early stopping, finite losses, progress."""

import contextlib
import copy
import math
import sys

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping
from tqdm import tqdm

from ..numeric.warning import warn_user
from .interrupts import StopTraining

LOSS = "reconstruction_loss"
N_UNCHECKED = 16  # batches on a GPU whose losses are checked at once


def listens(callback, method_name):
    """Return whether a callback from outside of this package has a method."""
    method = getattr(type(callback), method_name, None)
    is_own = type(callback).__module__.startswith(__package__)
    return not is_own and method is not getattr(Callback, method_name)


class EpochLosses(Callback):
    """Record the mean of each loss over an epoch, one number for each component.

    The names are ``reconstruction_loss_0``, ``reconstruction_loss_1`` and so on, and
    with discriminators those of ``adversarial_loss``, ``discriminator_loss`` and
    ``cross_loss``. ``train_loss`` is the sum of the first, as skorch's callbacks expect
    it. A loss of some rows alone is the mean over those, as ``sum_loss`` is: of rows
    with components that are not known.
    """

    def on_epoch_begin(self, net, **kwargs):
        self.sums_, self.n_rows_ = {}, {}

    def on_batch_end(self, net, batch, training, losses=None, counts=None, **kwargs):
        for name, values in losses.items():
            n_rows = (counts or {}).get(name, len(batch[0]))
            self.n_rows_[name] = self.n_rows_.get(name, 0) + n_rows
            self.sums_[name] = self.sums_.get(name, 0) + n_rows * values

    def on_epoch_end(self, net, **kwargs):
        for name, total in self.sums_.items():
            n_rows = self.n_rows_[name]
            if isinstance(n_rows, torch.Tensor):
                n_rows = n_rows.clamp_min(1)
            net.history.record_each(name, (total / n_rows).tolist())
        record_loss(net.history, "train_loss", sum(net.history[-1, LOSS]))


def record_loss(history, name, value):
    """Record a number, and as ``..._best`` whether it is the lowest so far."""
    before = (row.get(name, math.nan) for row in history[:-1])
    lowest = min((loss for loss in before if not math.isnan(loss)), default=math.inf)
    history.record(name, value)
    history.record(f"{name}_best", value < lowest)


class ValidationErrors(Callback):
    """Record the relative errors on the validation set.

    ``valid_relative_error_0`` and so on are means over samples (silent true components
    left out), ``valid_error`` is their mean, which early stopping monitors.
    ``valid_loss`` is the loss of training, ``train_loss``, on the validation set.

    Parameters
    ----------
    measure_errors : callable
        Takes the net, returns the relative errors (n_samples, n_components).
    measure_loss : callable
        Takes the net, returns the loss, a number.
    """

    def __init__(self, measure_errors, measure_loss):
        self.measure_errors, self.measure_loss = measure_errors, measure_loss

    def on_epoch_end(self, net, **kwargs):
        errors = np.ma.masked_invalid(self.measure_errors(net))
        means = errors.mean(axis=0).filled(np.nan)
        net.history.record_each("valid_relative_error", means.tolist())
        mean = np.ma.filled(errors.mean(), np.nan)
        net.history.record("valid_error", float(mean))
        record_loss(net.history, "valid_loss", self.measure_loss(net))


class BestEpoch(EarlyStopping):
    """Stop after epochs without a lower validation error; restore the best weights."""

    def __init__(self, patience=10):
        super().__init__("valid_error", patience, load_best=True, sink=discard)


class LearningRates(Callback):
    """Set the learning rates of autoencoders and discriminators before every step.

    They rise over the first tenth of the steps and fall to zero along a cosine, as in
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
    2017, Eq. (5), without a restart.

    Parameters
    ----------
    n_steps : int
        Number of steps of the training.
    """

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_train_begin(self, net, **kwargs):
        self.step_ = 0

    def state_dict(self):
        return {"step": self.step_}

    def load_state_dict(self, state):
        self.step_ = state["step"]

    def on_batch_begin(self, net, **kwargs):
        factor = cosine_factor(self.step_ / self.n_steps)
        for optimizer, lr in net.learning_rates():
            for group in optimizer.param_groups:
                group["lr"] = factor * lr
        self.step_ += 1


def cosine_factor(progress, warm_up=0.1):
    """Return the share of the learning rate after a share of the steps."""
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (progress - warm_up) / (1 - warm_up))


class FiniteGuard(Callback):
    """Stop at a loss that is not finite; restore the last weights of finite estimates.

    Finite weights are not enough, because huge ones overflow: after every epoch, the
    estimates of the last batch must be finite before its weights are kept.
    """

    def on_train_begin(self, net, **kwargs):
        self.unchecked_ = []
        self.keep(net)

    def on_batch_end(self, net, batch, training, losses=None, **kwargs):
        self.unchecked_.append(torch.cat(list(losses.values())))
        self.last_X_ = batch[0]
        # each check waits for the GPU
        if len(self.unchecked_) >= (1 if net.graphs is None else N_UNCHECKED):
            self.check(net)

    def check(self, net):
        """Stop if a loss is not finite."""
        unchecked, self.unchecked_ = self.unchecked_, []
        if unchecked and not torch.isfinite(torch.cat(unchecked)).all():
            net.history[-1].pop("dur", None)  # this epoch does not count
            self.stop(net)

    def on_epoch_end(self, net, **kwargs):
        self.check(net)
        weights = net.get_all_learnable_params()
        finite = all(torch.isfinite(weight).all() for _, weight in weights)
        finite = finite and net.has_finite_estimates(self.last_X_)
        if not all(net.ranks.gather(finite)):
            self.stop(net)
        self.keep(net)

    def keep(self, net):
        self.kept_ = {
            role: copy.deepcopy(module.state_dict())
            for role, module in net.trained_modules().items()
        }

    def stop(self, net):
        for role, module in net.trained_modules().items():
            module.load_state_dict(self.kept_[role])
        warn_user(
            f"training stopped in epoch {len(net.history)}: a loss became non-finite; "
            "the weights of the last finite epoch are kept. A smaller lr or "
            "discriminator_lr may help.",
            ConvergenceWarning,
        )
        raise StopTraining


class Progress(Callback):
    """Progress bar over all batches, with the losses of the last epoch."""

    def __init__(self, n_steps, n_epochs):
        self.n_steps, self.n_epochs = n_steps, n_epochs

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(
            total=self.n_steps, unit="batch", dynamic_ncols=True, file=Console()
        )
        self.epoch_ = 0

    def state_dict(self):
        return {"epoch": self.epoch_, "n_steps": self.bar_.n}

    def load_state_dict(self, state):
        self.epoch_ = state["epoch"]
        self.bar_.update(state["n_steps"])

    def on_epoch_begin(self, net, **kwargs):
        self.epoch_ += 1
        self.bar_.set_description(f"epoch {self.epoch_}/{self.n_epochs}")

    def on_batch_end(self, net, **kwargs):
        self.bar_.update()

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        shown = ("reconstruction_loss", "valid_relative_error")
        values = {name: row[name] for name in shown if name in row}
        self.bar_.set_postfix(
            {name: " ".join(f"{v:.3g}" for v in vs) for name, vs in values.items()}
        )

    def on_train_end(self, net, **kwargs):
        self.bar_.close()


class Console:
    """Standard error; what cannot be written to it is dropped, so that fits go on.

    It is None without a console (``pythonw``), and may be closed or a broken pipe.
    """

    def __init__(self):
        self.stream = sys.stderr

    def write(self, text):
        with contextlib.suppress(Exception):
            self.stream.write(text)

    def flush(self):
        with contextlib.suppress(Exception):
            self.stream.flush()

    def __getattr__(self, name):
        return getattr(self.stream, name)  # the encoding, for instance


def discard(*args):
    """Print nothing."""
