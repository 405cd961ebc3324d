"""Conversion of waveforms, spectrograms and images to tensors, and back."""

import copy
from dataclasses import dataclass, fields

import numpy as np
import torch
from sklearn.base import clone

from ..numeric import sent
from ..stft import Spectrogram, STFTTransformer, as_tensor

WAVEFORM, SPECTROGRAM, IMAGE = "waveforms", "complex spectrograms", "images"

N_TRAILING = {WAVEFORM: 1, SPECTROGRAM: 2, IMAGE: 2}  # axes after the channels


def domains_of(X, y, stft):
    """Return the domains of validated samples.

    Parameters
    ----------
    X, y : ndarray or SlicedArray
        Mixtures and components.
    stft : STFTTransformer, None or False
        A separator's parameter; False keeps waveforms as they are.

    Returns
    -------
    domains : Domains
        The domains.
    """
    if stft is False and mixture_domain(X) != IMAGE:
        return WaveformDomains.of(X, y)
    return Domains.of(X, y, stft or None)


def component_shapes(shape, n_trailing):
    """Return the shapes that a component may have: without channels, if there are any.

    Parameters
    ----------
    shape : tuple
        Shape of one mixture in the domain of the components.
    n_trailing : int
        Number of axes after the channels.
    """
    return [shape, shape[1:]] if len(shape) > n_trailing else [shape]


def component_remedy(shape, shapes):
    """Return what to do with y of a shape, where components must have one of some."""
    turned = (*shape[:-2], *shape[:-3:-1])  # the last two axes exchanged
    if len(shape) > 2 and turned[2:] in shapes:
        return ": pass np.swapaxes(y, -2, -1)"
    if shape[2:3] == (1,) and shape[3:] in shapes:
        return ": pass y[:, :, 0]"
    if shape[1:] in shapes:
        return ": pass y[:, np.newaxis] if y is the only component"
    return ""


def mixture_domain(X):
    """Return the domain of a validated array of mixtures."""
    if np.iscomplexobj(X):
        return SPECTROGRAM
    return WAVEFORM if X.ndim < 4 else IMAGE


def single(tensor):
    """Convert a tensor to single precision, in which networks compute."""
    return tensor.to(torch.complex64 if tensor.is_complex() else torch.float32)


@dataclass
class Domains:
    """Domains and shapes of X and y in ``fit``; converter to tensors and back.

    Tensors of mixtures have shape (n, C, H, W), those of components (n, K, C_y, H, W).
    They are complex for waveforms (by the STFT) and spectrograms, and real for images.

    Parameters
    ----------
    X_domain, y_domain : str
        Domains of mixtures and components.
    X_shape, y_shape : tuple
        Shapes of one mixture and of one component.
    stft : STFTTransformer or None
        The fitted transform between waveforms and spectrograms.
    n_times : int or None
        Number of time points of the waveforms.
    """

    X_domain: str
    y_domain: str
    X_shape: tuple
    y_shape: tuple
    stft: STFTTransformer | None
    n_times: int | None

    @classmethod
    def of(cls, X, y, stft):
        """Find the domains of validated samples; ``stft`` is the parameter's value.

        Raises
        ------
        ValueError
            If y does not hold components of X.
        """
        X_domain = mixture_domain(X)
        n_times = None
        if X_domain == WAVEFORM:
            n_times = X.shape[-1]
            stft = clone(stft) if stft is not None else STFTTransformer()
            stft._validate_params()  # scikit-learn skips it in a nested fit
            stft.fit(np.zeros((1, n_times)))
        else:
            # a copy, because the transformer may be fitted anew to other waveforms
            stft = copy.deepcopy(getattr(X, "stft", None))
            n_times = getattr(X, "n_times", None)
        y_domain = cls._component_domain(X_domain, y, stft)
        wanted = X.shape[1:]
        if X_domain == SPECTROGRAM and y_domain == WAVEFORM:
            wanted = (*X.shape[1:-2], n_times)
        cls._check_component_shape(y, wanted, N_TRAILING[y_domain])
        return cls(X_domain, y_domain, X.shape[1:], y.shape[2:], stft, n_times)

    @staticmethod
    def _component_domain(X_domain, y, stft):
        if np.iscomplexobj(y):
            if X_domain != SPECTROGRAM:
                raise ValueError(
                    f"y holds complex components, but X holds {X_domain}: the "
                    "components must be real, too"
                )
            return SPECTROGRAM
        if X_domain != SPECTROGRAM:
            return X_domain
        if stft is None:
            raise ValueError(
                "y holds waveforms, but X is a bare complex array that does not know "
                "the STFT it was made with: pass X as STFTTransformer.transform "
                "returns it (a Spectrogram; put both into one Pipeline), or pass y as "
                "complex spectrograms like X"
            )
        return WAVEFORM

    @staticmethod
    def _check_component_shape(y, wanted, n_trailing):
        shapes = component_shapes(wanted, n_trailing)
        if y.ndim < 3 or y.shape[2:] not in shapes or y.shape[1] < 1:
            allowed = " or ".join(
                "(" + ", ".join(["n_samples", "n_components", *map(str, shape)]) + ")"
                for shape in shapes
            )
            raise ValueError(
                f"y must hold the components of X in an array of shape {allowed}, got "
                f"shape {y.shape}{component_remedy(y.shape, shapes)}"
            )

    @property
    def is_complex(self):
        """Return whether the tensors are complex."""
        return self.X_domain != IMAGE

    @property
    def has_complex_y(self):
        """Return whether the components are complex spectrograms."""
        return self.y_domain == SPECTROGRAM

    @property
    def n_channels(self):
        """Return the number of channels of a mixture."""
        return self._channels(self.X_shape, self.X_domain)

    @property
    def n_component_channels(self):
        """Return the number of channels of a component."""
        return self._channels(self.y_shape, self.y_domain)

    @staticmethod
    def _channels(shape, domain):
        return shape[0] if len(shape) > N_TRAILING[domain] else 1

    @property
    def window_shape(self):
        """Return the shape of one mixture in the domain of the components."""
        if self.X_domain == SPECTROGRAM and self.y_domain == WAVEFORM:
            return (*self.X_shape[:-2], self.n_times)
        return self.X_shape

    @property
    def waveform_shape(self):
        """Return the shape of one mixture as a waveform; None if that is unknown."""
        if self.X_domain == SPECTROGRAM and self.stft is not None:
            return (*self.X_shape[:-2], self.n_times)
        return self.X_shape if self.X_domain == WAVEFORM else None

    @property
    def n_entries(self):
        """Return the number of entries of one mixture's tensor."""
        return self.n_channels * int(np.prod(self.map_shape))

    @property
    def map_shape(self):
        """Return the height and width, (H, W), of the tensors."""
        if self.X_domain != WAVEFORM:
            return self.X_shape[-2:]
        return self.stft.spectrogram_shape(self.n_times)

    def mixtures_to_tensor(self, X, domain=None, in_single=False, device="cpu"):
        """Convert an array of mixtures to a tensor (n, C, H, W) on a device.

        ``in_single`` computes in the precision of X and returns single precision.
        """
        tensor = sent(as_tensor(X), device)
        z = self._converted(tensor, domain or self.X_domain, in_single)
        return z.reshape(len(X), self.n_channels, *z.shape[-2:])

    def components_to_tensor(self, y, device="cpu"):
        """Convert an array of components to a tensor (n, K, C_y, H, W) on a device."""
        z = self._converted(sent(as_tensor(y), device), self.y_domain)
        return z.reshape(*y.shape[:2], self.n_component_channels, *z.shape[-2:])

    def _converted(self, tensor, domain, in_single=False):
        if domain == WAVEFORM:
            # Single precision adds no more to waveforms in single precision than these
            # were rounded by. Other waveforms may have much quieter frequencies.
            dtype = tensor.dtype if in_single else torch.float64
            tensor = self.stft.forward(tensor, dtype)
        return single(tensor) if in_single else tensor

    def to_array(self, estimates, dtype, in_single=False, n_rows=None):
        """Convert a tensor (n, K, C_y, H, W) to an array in the components' domain.

        ``dtype`` is that of the mixtures, whose precision the array gets. ``in_single``
        computes in single precision. The array has the first ``n_rows`` rows.
        """
        estimates = self._invert(estimates, in_single)[:n_rows].cpu()
        array = estimates.numpy().reshape(*estimates.shape[:2], *self.y_shape)
        precision = np.empty(0, dtype).real.dtype
        if self.y_domain != SPECTROGRAM:
            return array.astype(precision, copy=False)
        return array.astype(np.result_type(precision, np.complex64), copy=False)

    def _invert(self, estimates, in_single):
        if self.y_domain != WAVEFORM:
            return estimates
        inverse = self.stft.inverse_in_single if in_single else self.stft.inverse
        return inverse(estimates, self.n_times)

    def transformed(self, X, y):
        """Transform tensors of mixed waveforms, in their precision.

        Parameters
        ----------
        X : tensor of shape (n, C, 1, n_times)
            Mixtures.
        y : tensor of shape (n, K, C_y, 1, n_times), or None
            Components.
        """
        pair = (None if w is None else w.squeeze(-2) for w in (X, y))
        return tuple(w if w is None else self.stft.forward(w, w.dtype) for w in pair)

    def as_spectrogram(self, array):
        """Return spectrograms of a known transform as a :class:`Spectrogram`."""
        if self.y_domain != SPECTROGRAM or self.stft is None:
            return array
        return Spectrogram(array, stft=self.stft, n_times=self.n_times)


class WaveformDomains(Domains):
    """Domains of separators of waveforms, which are real tensors with H = 1."""

    @classmethod
    def of(cls, X, y, stft=None):
        """Find the domains of validated samples.

        Raises
        ------
        ValueError
            If X holds no waveforms and cannot be inverted to them, or if y does not
            hold components of X.
        """
        domains = super().of(X, y, stft)
        if domains.stft is None:
            what = IMAGE if domains.X_domain == IMAGE else "a bare complex array"
            raise ValueError(
                f"X holds {what}, but waveforms are needed: pass them, or spectrograms "
                "as STFTTransformer.transform returns them (a Spectrogram), which are "
                "inverted"
            )
        return domains

    @property
    def is_complex(self):
        """Return whether the tensors are complex."""
        return False

    @property
    def n_entries(self):
        """Return the number of entries of one mixture's tensor."""
        return self.n_channels * self.n_times

    @property
    def map_shape(self):
        """Return the height and width, (1, n_times), of the tensors."""
        return 1, self.n_times

    def _converted(self, tensor, domain, in_single=False):
        if domain == SPECTROGRAM:
            tensor = self.stft.inverse(tensor, self.n_times)
        return (single(tensor) if in_single else tensor).unsqueeze(-2)

    def _invert(self, estimates, in_single):
        if self.y_domain == SPECTROGRAM:
            return self.stft.forward(estimates.squeeze(-2))
        return estimates


def waveform_domains(domains):
    """Return domains whose tensors are the waveforms, without their transform.

    Raises
    ------
    ValueError
        If the samples are no waveforms and cannot be inverted to them.
    """
    if domains.stft is None:
        raise ValueError(
            "remix: shift, rate and noise need waveforms, or spectrograms as "
            f"STFTTransformer.transform returns them, got {domains.X_domain}"
        )
    values = (getattr(domains, field.name) for field in fields(domains))
    return WaveformDomains(*values)
