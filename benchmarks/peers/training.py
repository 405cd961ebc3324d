"""Train a peer up to budgets of CPU seconds, in one thread.

Whatever is not training (measuring, saving) happens between two steps and is not
counted.
"""

import math
import time

import numpy as np
import torch

ROWS_AT_ONCE = 16  # of estimates


class Training:
    """A training that stops at a budget, and goes on from there to the next.

    Parameters
    ----------
    model : Peer
        The model, on which ``prepare`` was called.
    recipe : Recipe
        How it is trained.
    X, y : Tensor of shape (n_samples, n_times), (n_samples, n_components, n_times)
        Mixtures and components.
    seed : int
        Determines the order of rows, and dropout.
    horizon : float or None
        Seconds over which a recipe with a cosine lowers the rate to 0.
    clock : callable
        Clock in seconds.
    """

    def __init__(
        self, model, recipe, X, y, seed, horizon=None, clock=time.process_time
    ):
        self.model, self.recipe, self.horizon = model, recipe, horizon
        self.X, self.y, self.seed, self.clock = X, y, seed, clock
        self.optimizer = torch.optim.Adam(
            model.parameters(), recipe.lr, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, factor=recipe.factor, patience=recipe.patience
        )
        self.n_steps, self.spent, self.losses = 0, 0.0, []

    @property
    def steps_of_epoch(self):
        """Number of batches of an epoch; the last one may be smaller."""
        return -(-len(self.X) // self.recipe.batch_size)

    @property
    def n_epochs(self):
        """Epochs so far, also parts of one."""
        return self.n_steps / self.steps_of_epoch

    def run_to(self, budget, max_steps=None):
        """Train until the seconds spent reach a budget: at most one step longer."""
        self.model.train()
        while self.spent < budget and self.n_steps != max_steps:
            start = self.clock()
            self.step()
            self.spent += self.clock() - start
        return self

    def step(self):
        """Take a step on the next batch; lower the rate as the recipe says."""
        if self.recipe.cosine:
            self.follow_cosine()
        self.optimizer.zero_grad()
        loss = self.model.loss(*self.batch())
        loss.backward()
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.n_steps += 1
        self.losses.append(loss.item())
        if self.n_steps % self.steps_of_epoch == 0:
            if not self.recipe.cosine:
                self.schedule.step(float(np.mean(self.losses)))
            self.losses = []

    def follow_cosine(self):
        """Set the rate by the share of the horizon that was spent."""
        share = min(1.0, self.spent / self.horizon)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * (1 + math.cos(math.pi * share)) / 2

    def batch(self):
        """Return mixtures and components of the next step; it depends on its number."""
        epoch, place = divmod(self.n_steps, self.steps_of_epoch)
        size = self.recipe.batch_size
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.X))
        rows = order[place * size : (place + 1) * size]
        rng = np.random.default_rng([self.seed, epoch, place])
        return remixed(self.X, self.y, rows, self.recipe.remix, rng)

    def state(self):
        """Return what the rest of the training depends on."""
        parts = (self.model, self.optimizer, self.schedule)
        return {
            "parts": [part.state_dict() for part in parts],
            "counts": (self.n_steps, self.spent, self.losses),
            "rng": torch.get_rng_state(),
        }

    def load_state(self, state):
        """Go on from a state that :meth:`state` returned."""
        parts = (self.model, self.optimizer, self.schedule)
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.n_steps, self.spent, self.losses = state["counts"]
        torch.set_rng_state(state["rng"])


def remixed(X, y, rows, share, rng):
    """Return a batch, a share of it with components of different rows.

    What a mixture holds beyond its components stays with its row.
    """
    X, components = X[rows], y[rows]
    if not share:
        return X, components
    drawn = np.flatnonzero(rng.random(len(rows)) < share)
    others = rng.integers(len(y), size=(len(drawn), y.shape[1]))
    mixed = components.clone()
    mixed[drawn] = y[others, np.arange(y.shape[1])]
    return X + (mixed - components).sum(1), mixed


@torch.inference_mode()
def estimates(model, X):
    """Return estimates of mixtures, some rows at a time."""
    model.eval()
    return torch.cat([model(rows) for rows in X.split(ROWS_AT_ONCE)])
