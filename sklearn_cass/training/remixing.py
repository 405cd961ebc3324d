"""Dynamic mixing: mixtures of training rows, drawn anew in every batch."""

from numbers import Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from ..numeric import check_number_parameters, is_number, sent
from ..numeric.noise import check_noise, draw_noise

SHARE = Interval(Real, 0, 1, closed="both")


class Remix(BaseEstimator):
    """Draws of new mixtures from training rows, in every batch.

    The value of a separator's parameter ``remix``; a number is ``Remix(share=number)``.
    Each part of a new mixture, the components and the residual ``X - sum(y)``, is taken
    from a row of its own in the batch (dynamic mixing), and changed as described below.
    All draws are independent for each part and row, and follow from ``random_state``.

    Parameters
    ----------
    share : float, default=1.0
        Share of each batch's rows whose mixtures are new. Take 0 to 0.25 for components
        that belong together, as the parts of a piece of music do. Other rows are not
        changed.
    gain : (float, float), default=None
        Range of gains in dB by which components are multiplied, uniform in dB. None is
        no gain.
    sign : bool, default=False
        Whether parts are multiplied by -1 in half of the rows. Set it where recordings
        may have either polarity.
    shift : float, default=0.0
        Largest circular shift, as a share of a row's length. 0.5 lets a part begin at
        any of its points.
    rate : (float, float), default=None
        Range of rates at which parts are played, 2 for twice as fast, uniform in the
        logarithm. Parts begin again at the end of a row. They are interpolated by
        cubic polynomials, which suits signals sampled at four times their highest
        frequency or more. None is 1.
    noise : str, ndarray or list of them, default=None
        Noise to add to new mixtures, which is part of no component: "white", "pink",
        "muscle", "wander", "mains", or rows of recorded noise of shape
        (n_recorded, n_recorded_times); of several, each row has a random combination.
        "muscle", "wander" and "mains" need the sampling rate, as passed to ``fit``.
    noise_db : (float, float), default=(-30, -10)
        Range of the level of the noise, in dB of the mixture's.

    Notes
    -----
    With ``shift``, ``rate`` or ``noise``, rows are mixed as waveforms and transformed
    afterwards, in every batch. They need waveforms, or a :class:`Spectrogram`.

    Where components lack the channels of the mixtures, there is no residual, and rows
    cannot be mixed: a number then has no effect, other settings are an error.

    Examples
    --------
    Electrodes of unknown polarity, beats at any time, hum and drift:

    >>> from sklearn_cass import AESeparator, Remix
    >>> remix = Remix(sign=True, shift=0.5, noise=["mains", "wander"])
    >>> AESeparator(remix=remix)
    AESeparator(remix=Remix(noise=['mains', 'wander'], shift=0.5, sign=True))
    """

    _parameter_constraints: dict = {
        "share": [SHARE],
        "gain": [tuple, list, None],
        "sign": ["boolean"],
        "shift": [SHARE],
        "rate": [tuple, list, None],
        "noise": [str, np.ndarray, list, None],
        "noise_db": [tuple, list],
    }

    def __init__(
        self,
        share=1.0,
        *,
        gain=None,
        sign=False,
        shift=0.0,
        rate=None,
        noise=None,
        noise_db=(-30, -10),
    ):
        self.share = share
        self.gain = gain
        self.sign = sign
        self.shift = shift
        self.rate = rate
        self.noise = noise
        self.noise_db = noise_db

    def _validate_params(self):
        super()._validate_params()
        check_number_parameters(self)
        for name in ("gain", "rate", "noise_db"):
            value = getattr(self, name)
            if value is not None:
                check_range(f"Remix({name}=...)", value, positive=name == "rate")

    @property
    def _needs_waveforms(self):
        """Draws of something that maps of spectrograms cannot have."""
        return bool(self.shift or self.rate or self.noise is not None)

    @property
    def _changes_parts(self):
        """Draws that change parts, beside exchanging them."""
        return bool(self.gain or self.sign or self._needs_waveforms)


def check_range(name, value, positive):
    """Raise a ValueError unless a value is a pair of finite numbers in order."""
    is_pair = len(value) == 2 and all(is_number(v) and np.isfinite(v) for v in value)
    least = 0 if positive else -np.inf
    if not is_pair or not least < value[0] <= value[1]:
        kind = "positive numbers" if positive else "numbers"
        raise ValueError(f"{name} must be two {kind} (lowest, highest), got {value!r}")


def as_remix(value):
    """Return the object that a share stands for; others as they are."""
    return Remix(share=float(value)) if isinstance(value, Real) else value


class Mixer:
    """Draws new mixtures of the rows of batches.

    Parameters
    ----------
    remix : Remix
        How to draw them.
    n_times : int
        Time points of a row, where they are waveforms.
    sfreq : float or None
        Sampling rate in Hz.

    Raises
    ------
    ValueError
        If the noise needs a sampling rate, or longer rows.
    """

    def __init__(self, remix, n_times=None, sfreq=None):
        self.remix, self.sfreq = remix, sfreq
        self.kinds = []
        if remix.noise is not None:
            self.kinds = check_noise(remix.noise, n_times, sfreq, name="noise")

    def __call__(self, X, Y, generator, known=None):
        """Return mixtures and components, a share of them drawn anew.

        Each part is drawn from the rows in which it is known, and rows with a component
        that is not known stay as they are.

        Parameters
        ----------
        X : tensor of shape (n, C, H, W)
            Mixtures.
        Y : tensor of shape (n, K, C, H, W)
            Their components; with other channels, nothing is changed.
        generator : torch.Generator
            Draws on the CPU, so that all devices have the same mixtures.
        known : tensor of shape (n, K), default=None
            Which components are known; None if all are.
        """
        if Y.shape[2] != X.shape[1]:
            return X, Y
        parts = torch.cat([Y, (X - Y.sum(1)).unsqueeze(1)], 1)  # (n, K + 1, C, H, W)
        if known is not None:
            return self.partly_mixed(X, Y, parts, known, generator)
        n = len(parts)
        n_new = round(self.remix.share * n)

        def draw():
            return sent(torch.randperm(n, generator=generator)[:n_new], parts.device)

        new = draw()
        drawn = torch.stack([part[draw()] for part in parts.unbind(1)], 1)
        mixtures, drawn = self.mixtures(drawn, generator)
        return X.index_copy(0, new, mixtures), Y.index_copy(0, new, drawn[:, :-1])

    def partly_mixed(self, X, Y, parts, known, generator):
        """Return them where some components are not known.

        How many are known is not read from the device, which would have to wait.
        """
        complete = known.all(1, keepdim=True)

        def scores():
            drawn = torch.rand(len(parts), generator=generator)
            return sent(drawn, parts.device)

        drawn = [
            part[rows_by_turns(chosen, scores())]
            for part, chosen in zip(
                parts.unbind(1), torch.cat([known, complete], 1).unbind(1), strict=True
            )
        ]
        mixtures, drawn = self.mixtures(torch.stack(drawn, 1), generator)
        order = torch.where(complete[:, 0], scores(), 2.0).argsort()
        n_new = (self.remix.share * complete.sum()).round()
        is_new = (order.argsort() < n_new) & complete[:, 0]
        X = torch.where(is_new[:, None, None, None], mixtures, X)
        return X, torch.where(is_new[:, None, None, None, None], drawn[:, :-1], Y)

    def mixtures(self, parts, generator):
        """Return sums of parts that were drawn, with noise, and the parts changed."""
        if self.remix._changes_parts:
            parts = self.changed(parts, generator)
        mixtures = parts.sum(1)
        if self.kinds:
            mixtures = mixtures + self.noise(mixtures, generator)
        return mixtures, parts

    def changed(self, parts, generator):
        """Return parts (n, K + 1, C, H, W) with random gains, signs and times."""
        n, n_parts = parts.shape[:2]

        def uniform(low, high):
            values = torch.rand(n, n_parts, generator=generator, dtype=torch.float64)
            return low + (high - low) * values

        factors = torch.ones(n, n_parts, dtype=torch.float64)
        if self.remix.gain:
            factors = 10 ** (uniform(*self.remix.gain) / 20)
            factors[:, -1] = 1  # of the residual
        if self.remix.sign:
            factors = factors * torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
        if self.remix.shift or self.remix.rate:
            shifts = uniform(-self.remix.shift, self.remix.shift)
            rates = uniform(*np.log(self.remix.rate or (1, 1))).exp()
            parts = played(parts, shifts, rates)
        factors = sent(factors.to(parts.real.dtype), parts.device)
        return parts * factors[..., None, None, None]

    def noise(self, mixtures, generator):
        """Return noise for mixtures (n, C, 1, W), at levels relative to theirs."""
        n, n_channels, _, n_times = mixtures.shape
        seed = int(torch.randint(2**31, (), generator=generator))
        rng = np.random.default_rng(seed)
        rows = draw_noise(self.kinds, n * n_channels, n_times, self.sfreq, rng)
        levels = 10 ** (rng.uniform(*self.remix.noise_db, size=(n, 1, 1)) / 20)
        rows = torch.from_numpy(levels * rows.reshape(n, n_channels, n_times))
        rows = sent(rows.to(mixtures.dtype), mixtures.device).unsqueeze(-2)
        power = mixtures.square().mean((1, 2, 3), keepdim=True)
        return power.sqrt() * rows


def rows_by_turns(chosen, scores):
    """Return as many rows as there are, the chosen ones by turns in order of scores."""
    order = torch.where(chosen, scores, 2.0).argsort()
    places = torch.arange(len(order), device=order.device)
    return order[places % chosen.sum().clamp_min(1)]


def played(parts, shifts, rates):
    """Play rows from other points on, at other rates, circularly.

    Parameters
    ----------
    parts : tensor of shape (n, n_parts, C, 1, W)
        Waveforms.
    shifts : tensor of shape (n, n_parts)
        Shares of W at which they begin.
    rates : tensor of shape (n, n_parts)
        Points that pass at each point of time.

    Returns
    -------
    played : tensor of shape (n, n_parts, C, 1, W)
        The waveforms at these times, interpolated by Catmull and Rom's cubic
        polynomials; whole shifts at rate 1 are exact.
    """
    n_times = parts.shape[-1]
    times = torch.arange(n_times, dtype=torch.float64)
    starts = (shifts * n_times).round().unsqueeze(-1)
    places = starts + rates.unsqueeze(-1) * times  # (n, n_parts, W)
    whole = places.floor()
    t = sent((places - whole).to(parts.dtype), parts.device)
    whole = sent(whole.long(), parts.device)
    a, b, c, d = (parts.gather(-1, index_of(whole + k, parts)) for k in (-1, 0, 1, 2))
    t = t[:, :, None, None]
    slopes = (c - a) / 2, (d - b) / 2
    squared, cubed = t * t, t * t * t
    return (
        (2 * cubed - 3 * squared + 1) * b
        + (cubed - 2 * squared + t) * slopes[0]
        + (3 * squared - 2 * cubed) * c
        + (cubed - squared) * slopes[1]
    )


def index_of(places, parts):
    """Return places (n, n_parts, W), counted circularly, for all channels of parts."""
    places = places.remainder(parts.shape[-1])
    return places[:, :, None, None].expand(parts.shape)
