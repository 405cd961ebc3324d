"""Signs of the components of ECG mixtures, and the noise that is added to them."""

from typing import NamedTuple

import numpy as np
from sklearn.utils._param_validation import StrOptions

from ..numeric.noise import check_noise, draw_noise
from ._checks import check_interval
from ._descriptions import name_kinds
from ._respiration import draw_respiration

RESPIRATION = "respiration"

# of the parameters that generators and loaders of ECG share
CONSTRAINTS = {
    "polarity": [StrOptions({"fixed", "random"})],
    "noise": [str, "array-like", None],
    "noise_db": ["array-like"],
}


class Disturbance(NamedTuple):
    """The checked parameters `polarity`, `noise` and `noise_db`."""

    random_signs: bool
    has_respiration: bool
    kinds: list
    noise_db: tuple

    def describe(self):
        """Return a phrase on the noise, for the description of a data set."""
        low, high = self.noise_db
        level = f" at {low:g} to {high:g} dB relative to the maternal ECG"
        parts = ["respiration, a sinusoid of 0.2-0.6 Hz and 0.05-0.3 mV"]
        parts = parts if self.has_respiration else []
        parts += [name_kinds(self.kinds) + level] if self.kinds else []
        return ", and ".join(parts) or "zero"


def check_disturbance(polarity, noise, noise_db, n_times, sfreq):
    """Return the parameters that decide on signs and noise, checked."""
    kinds = check_noise(noise, n_times, sfreq, others=[RESPIRATION])
    others = [k for k in kinds if not isinstance(k, str) or k != RESPIRATION]
    levels = check_interval("noise_db", noise_db)
    return Disturbance(polarity == "random", len(others) < len(kinds), others, levels)


def disturb(samples, disturbance, sfreq, rng, seed):
    """Draw noise and signs for the samples of a group.

    Parameters
    ----------
    samples : dict
        With ``target`` of shape (n_samples, 2, n_times), or (n_samples, 2, n_channels,
        n_times); the maternal component is the first one.
    disturbance : Disturbance
        What to draw.
    sfreq : int
        Sampling frequency in Hz.
    rng : numpy.random.Generator
        Random generator of the group, from which the respiration is drawn.
    seed : numpy.random.SeedSequence
        Its seed. Everything else is drawn from its children, so that it changes
        neither the components nor the respiration.

    Returns
    -------
    samples : dict
        With ``noise`` and all that was drawn for it; with random signs, ``target``
        has them, and they are ``polarity``.
    """
    signs, levels, gains = (np.random.default_rng(child) for child in seed.spawn(3))
    target = samples["target"]
    found = samples | _respiration(disturbance, target, sfreq, rng, gains)
    if disturbance.kinds:
        decibels, noise = _scaled_noise(disturbance, target, sfreq, levels)
        found |= {"noise": found["noise"] + noise, "noise_db": decibels}
    if disturbance.random_signs:
        polarity = signs.choice([-1, 1], size=target.shape[:-1])
        found |= {"target": target * polarity[..., None], "polarity": polarity}
        if "leads" in found:
            found["leads"] = found["leads"] * polarity[..., None]
    return found


def _respiration(disturbance, target, sfreq, rng, gains):
    """Draw the sinusoids, in several channels with a gain of each."""
    n_samples, _, *channels, n_times = target.shape
    if not disturbance.has_respiration:
        return {"noise": np.zeros((n_samples, *channels, n_times))}
    drawn = draw_respiration(rng, n_samples, n_times, sfreq)
    if channels:
        gain = gains.uniform(-1, 1, size=(n_samples, *channels))
        gain /= np.abs(gain).max(axis=1, keepdims=True)
        drawn["noise"] = gain[:, :, None] * drawn["noise"][:, None]
    return drawn


def _scaled_noise(disturbance, target, sfreq, rng):
    """Draw noise of a level relative to the maternal component, and the level."""
    n_samples, _, *channels, n_times = target.shape
    decibels = rng.uniform(*disturbance.noise_db, size=n_samples)
    power = np.mean(target[:, 0].reshape(n_samples, -1) ** 2, axis=1)
    rms = np.sqrt(power * 10 ** (decibels / 10))
    n_rows = n_samples * int(np.prod(channels, dtype=int))
    noise = draw_noise(disturbance.kinds, n_rows, n_times, sfreq, rng)
    noise = noise.reshape(n_samples, *channels, n_times)
    return decibels, np.expand_dims(rms, tuple(range(1, noise.ndim))) * noise
