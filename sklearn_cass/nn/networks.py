"""Objects that make the encoders, decoders and discriminators of a separator.

They are the value of a separator's parameter ``network``, and have ``get_params`` and
``set_params`` as scikit-learn's kernels do.
"""

import math
from abc import ABC, abstractmethod
from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from .autoencoders import OUTPUT_HEADS
from .recurrent import RecurrentDecoder, RecurrentEncoder
from .resnet9 import Decoder, Discriminator, Encoder
from .waveforms import WaveformDiscriminator

WIDTH = Interval(Integral, 1, 2**16, closed="both")
DEPTH = Interval(Integral, 1, 16, closed="both")
SCALE = Interval(Real, 0, 16, closed="right")
OUTPUT = {
    "output": [StrOptions(set(OUTPUT_HEADS))],
    "compression": [Interval(Real, 0, 1, closed="right")],
}
DISCRIMINATOR = {
    "discriminator_conditional": ["boolean"],
    "discriminator_local": ["boolean"],
    "discriminator_waveform": ["boolean"],
}

OWN_PARTS = {
    *(Encoder, Decoder, RecurrentEncoder, RecurrentDecoder),
    *(Discriminator, WaveformDiscriminator),
}


def are_independent(modules):
    """Return whether Autoencoders and Discriminators share and draw nothing.

    That is so of this package's networks, unless they share weights. Networks of other
    classes may do anything.

    Examples
    --------
    >>> from sklearn_cass.nn import Autoencoders, MapShape, ResNet9, are_independent
    >>> shape = MapShape(1, 1, n_freqs=9, n_frames=20, is_complex=True)
    >>> are_independent([Autoencoders(2, shape, ResNet9(n_filters=4, n_latent=8))])
    True
    """
    parts = [part for module in modules for part in module.parts()]
    weights = [id(weight) for part in parts for weight in part.parameters()]
    is_own = all(type(part) in OWN_PARTS for part in parts)
    return is_own and len(set(weights)) == len(weights)


class Network(ABC, BaseEstimator):
    """Base class of networks: the three methods that a separator calls in ``fit``.

    A subclass assigns its hyperparameters in ``__init__``, as estimators of
    scikit-learn do. Any object with these three methods can be a separator's
    ``network``; this base class adds ``get_params`` and ``set_params``, without which
    it can be neither searched over nor saved.

    Attributes
    ----------
    output : {"direct", "mask", "ratio_mask", "affine"}
        Kind of the decoder's output, "direct" where there is no such attribute. It
        decides ``shape.out_channels``.
    compression : float
        Exponent of the magnitudes that encoders take, 1.0 where there is no such
        attribute.
    discriminator_conditional, discriminator_local, discriminator_waveform : bool
        Kind of the discriminators, as for :class:`~sklearn_cass.ResNet9`, False where
        there are no such attributes. It decides what discriminators take, whose
        channels are ``shape.discriminator_channels``, and how many logits they return.

    Notes
    -----
    The methods are told the shape of the maps by a :class:`~sklearn_cass.nn.MapShape`:
    ``shape.in_channels``, ``shape.out_channels``, ``shape.component_channels`` and
    ``shape.discriminator_channels``, ``shape.n_freqs`` and ``shape.n_frames``. They are
    called once for each component, under the separator's random state. Maps are real
    tensors of shape ``(n, channels, n_freqs, n_frames)``, frames in the order of time.
    A decoder takes what its encoder returns, a tensor or anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_cass import AESeparator
    >>> from sklearn_cass.nn import Network
    >>> class FrequencyDense(Network):
    ...     def __init__(self, width=8):
    ...         self.width = width
    ...     def make_encoder(self, shape):
    ...         n_inputs = shape.in_channels * shape.n_freqs
    ...         layer = nn.Conv1d(n_inputs, self.width, 1)
    ...         return nn.Sequential(nn.Flatten(1, 2), layer)
    ...     def make_decoder(self, shape):
    ...         n_outputs = shape.out_channels * shape.n_freqs
    ...         return nn.Sequential(
    ...             nn.ReLU(),
    ...             nn.Conv1d(self.width, n_outputs, 1),
    ...             nn.Unflatten(1, (shape.out_channels, shape.n_freqs)),
    ...         )
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> separator = AESeparator(FrequencyDense(), max_epochs=1, random_state=0)
    >>> separator.set_params(network__width=4).fit(y.sum(axis=1), y).transform(
    ...     y.sum(axis=1)
    ... ).shape
    (8, 2, 64)
    """

    @abstractmethod
    def make_encoder(self, shape):
        """Return a new encoder.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        encoder : torch.nn.Module
            Takes maps of shape ``(n, shape.in_channels, n_freqs, n_frames)``.
        """

    @abstractmethod
    def make_decoder(self, shape):
        """Return a new decoder.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        decoder : torch.nn.Module
            Takes the encoder's output, returns maps of shape ``(n, shape.out_channels,
            n_freqs, n_frames)`` or larger in the last two axes, which are cropped.
        """

    def make_discriminator(self, shape):
        """Return a new discriminator: a ResNet-9 of 8 filters unless overridden.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        discriminator : torch.nn.Module
            Takes maps of shape ``(n, shape.discriminator_channels, n_freqs,
            n_frames)``, or waveforms of shape ``(n, shape.discriminator_channels,
            n_times)``, and returns logits of shape ``(n,)``, or ``(n, ...)``, one a
            patch, if it is local. Channels of the component come first.
        """
        return ResNet9(**kind_of(self)).make_discriminator(shape)


class ResNet9(Network):
    """ResNet-9 encoders, decoders and discriminators, the networks of the paper.

    Each is a stem convolution and four residual blocks of two convolutions [1]_; the
    decoder mirrors the encoder. They are fully convolutional, suited to spectrograms
    with good time resolution, such as those of ECG and PPG.

    Parameters
    ----------
    n_filters : int, default=16
        Channels after the first convolution; deeper maps have up to four times as many.
        Errors fall with more filters (32 instead of 16: by 11 to 14 % on generated PPG,
        in three times the time).
    n_latent : int, default=64
        Channels of the feature representation between encoder and decoder. Keep it at
        four times ``n_filters``.
    skip_connections : bool, default=True
        Whether each block of a decoder also takes the encoder's map of its size. False
        is the paper's plain bottleneck, with errors 1.7 (maternal) and 3.5 times
        (fetal) as large on generated ECG.
    dilation : int, default=4
        Dilation of the convolutions on either side of the feature representation (the
        decoder's second has half of it). With 4, all estimates of a window of 257
        frames depend on the whole window. 1 is the plain ResNet-9, which does as well
        on audio.
    output : {"direct", "mask", "ratio_mask", "affine"}, default="direct"
        Whether a decoder returns the estimate itself, a mask (complex, or real for
        magnitudes and images) that multiplies the mixture, a real mask between 0 and 1
        by a sigmoid, or a mask and a map to add to the masked mixture. "direct" suits
        components that overlap in time and frequency, "ratio_mask" audio, "affine"
        mixtures whose details belong to one component alone, such as PPG.
    compression : float, default=1.0
        Exponent, above 0 and up to 1, of the magnitudes that encoders take: below 1
        (0.5 for audio), the quiet parts of a mixture count more. Estimates and losses
        are not compressed.
    discriminator_scale : float, default=0.5
        ``n_filters`` and ``n_latent`` of the discriminators as a share of those of the
        autoencoders. Half of the width halves the time of adversarial training.
    discriminator_conditional : bool, default=False
        Whether discriminators take the mixture beside the component, as in conditional
        GANs: a true component of another mixture is then no longer true.
    discriminator_local : bool, default=False
        Whether discriminators return a logit for each patch of 39 frames, as in
        PatchGAN [2]_, instead of one for the whole component. Losses are means over
        patches.
    discriminator_waveform : bool, default=False
        Whether discriminators take waveforms instead of maps, by an inverse STFT.

    References
    ----------
    .. [1] Y. Z. Ong, C. K. Chui and H. Yang, "CASS: Cross adversarial source separation
       via autoencoder", arXiv:1905.09877, 2019.
    .. [2] P. Isola, J.-Y. Zhu, T. Zhou and A. A. Efros, "Image-to-image translation
       with conditional adversarial networks", CVPR 2017, arXiv:1611.07004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import AESeparator, ResNet9
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> network = ResNet9(n_filters=4, n_latent=16)
    >>> separator = AESeparator(network, max_epochs=1, random_state=0)
    >>> separator.fit(y.sum(axis=1), y).transform(y.sum(axis=1)).shape
    (8, 2, 64)
    >>> separator.set_params(network__output="mask").network
    ResNet9(n_filters=4, n_latent=16, output='mask')
    """

    _parameter_constraints: dict = {
        "n_filters": [WIDTH],
        "n_latent": [WIDTH],
        "skip_connections": ["boolean"],
        "dilation": [WIDTH],
        **OUTPUT,
        "discriminator_scale": [SCALE],
        **DISCRIMINATOR,
    }

    def __init__(
        self,
        n_filters=16,
        n_latent=64,
        *,
        skip_connections=True,
        dilation=4,
        output="direct",
        compression=1.0,
        discriminator_scale=0.5,
        discriminator_conditional=False,
        discriminator_local=False,
        discriminator_waveform=False,
    ):
        self.n_filters = n_filters
        self.n_latent = n_latent
        self.skip_connections = skip_connections
        self.dilation = dilation
        self.output = output
        self.compression = compression
        self.discriminator_scale = discriminator_scale
        self.discriminator_conditional = discriminator_conditional
        self.discriminator_local = discriminator_local
        self.discriminator_waveform = discriminator_waveform

    def make_encoder(self, shape):
        """Return a new :class:`~sklearn_cass.nn.Encoder`.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        encoder : Encoder
            The encoder.
        """
        return Encoder(
            shape.in_channels,
            n_filters=int(self.n_filters),
            n_latent=int(self.n_latent),
            dilation=int(self.dilation),
            transpose=shape.is_tall,
        )

    def make_decoder(self, shape):
        """Return a new :class:`~sklearn_cass.nn.Decoder`.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        decoder : Decoder
            The decoder.
        """
        return Decoder(
            shape.out_channels,
            n_filters=int(self.n_filters),
            n_latent=int(self.n_latent),
            skip_connections=bool(self.skip_connections),
            dilation=int(self.dilation),
            transpose=shape.is_tall,
        )

    def make_discriminator(self, shape):
        """Return a new discriminator.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        discriminator : Discriminator or WaveformDiscriminator
            The discriminator.
        """
        return self._new_discriminator(shape)

    def _new_discriminator(self, shape, **settings):
        channels = shape.discriminator_channels
        settings |= {
            "n_filters": max(1, int(self.n_filters * self.discriminator_scale)),
            "n_latent": max(1, int(self.n_latent * self.discriminator_scale)),
            "local": bool(self.discriminator_local),
        }
        if self.discriminator_waveform:
            settings.pop("stride", None)
            return WaveformDiscriminator(channels, **settings)
        return Discriminator(channels, transpose=shape.is_tall, **settings)


class BiLSTM(Network):
    """Recurrent encoders and decoders over frames, as in Open-Unmix.

    A dense layer takes all channels and frequencies of a frame, LSTMs go over the
    frames in both directions, and dense layers lead back to frequencies [1]_. It learns
    the spectra of instruments, which convolutions do not, and is suited to audio.
    Discriminators are those of ``ResNet9()``, but for a first convolution with a stride
    along frequencies that leaves about 512 of them.

    Parameters
    ----------
    width : int, default=256
        Features of a frame, an even number. Errors fall with more features.
    n_layers : int, default=3
        Number of recurrent layers.
    output : {"direct", "mask", "ratio_mask", "affine"}, default="ratio_mask"
        Kind of the decoder's output, as for :class:`ResNet9`. "ratio_mask" suits audio.
    compression : float, default=0.5
        Exponent of the magnitudes that encoders take, as for :class:`ResNet9`.
    discriminator_conditional, discriminator_local, discriminator_waveform : bool, \
            default=False
        Kind of the discriminators, as for :class:`ResNet9`.

    References
    ----------
    .. [1] F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji, "Open-Unmix - A
       reference implementation for music source separation", Journal of Open Source
       Software 4(41), 1667, 2019, doi:10.21105/joss.01667.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import AESeparator, BiLSTM
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> separator = AESeparator(BiLSTM(width=8), max_epochs=1, random_state=0)
    >>> separator.fit(y.sum(axis=1), y).transform(y.sum(axis=1)).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {
        "width": [WIDTH],
        "n_layers": [DEPTH],
        **OUTPUT,
        **DISCRIMINATOR,
    }

    def __init__(
        self,
        width=256,
        n_layers=3,
        *,
        output="ratio_mask",
        compression=0.5,
        discriminator_conditional=False,
        discriminator_local=False,
        discriminator_waveform=False,
    ):
        self.width = width
        self.n_layers = n_layers
        self.output = output
        self.compression = compression
        self.discriminator_conditional = discriminator_conditional
        self.discriminator_local = discriminator_local
        self.discriminator_waveform = discriminator_waveform

    def make_encoder(self, shape):
        """Return a new :class:`~sklearn_cass.nn.RecurrentEncoder`.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        encoder : RecurrentEncoder
            The encoder.
        """
        return RecurrentEncoder(
            shape.in_channels,
            shape.n_freqs,
            width=self._even_width(),
            n_layers=int(self.n_layers),
        )

    def make_decoder(self, shape):
        """Return a new :class:`~sklearn_cass.nn.RecurrentDecoder`.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        decoder : RecurrentDecoder
            The decoder.
        """
        return RecurrentDecoder(
            shape.out_channels, shape.n_freqs, width=self._even_width()
        )

    def make_discriminator(self, shape):
        """Return a new discriminator.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        discriminator : Discriminator or WaveformDiscriminator
            The discriminator.
        """
        octaves = max(1, round(math.log2(shape.n_freqs / 512)))
        network = ResNet9(**kind_of(self))
        return network._new_discriminator(shape, stride=2**octaves)

    def _even_width(self):
        if self.width % 2:
            raise ValueError(f"width must be an even number, got {self.width}")
        return int(self.width)


class Modules(Network):
    """Encoders, decoders and discriminators of one's own classes.

    Parameters
    ----------
    encoder : type or callable
        Class of the encoder, or a function that makes one. It is called as
        ``encoder(in_channels=..., n_freqs=..., **parameters)`` and its result takes
        maps of shape ``(n, in_channels, n_freqs, n_frames)``.
    decoder : type or callable
        Class of the decoder, or a function, called as ``decoder(out_channels=...,
        n_freqs=..., **parameters)``. Its result takes what the encoder returns and
        returns maps of shape ``(n, out_channels, n_freqs, n_frames)``, or larger in the
        last two axes, which are cropped.
    discriminator : type or callable, default=None
        Class of the discriminator, or a function, called as
        ``discriminator(in_channels=..., n_freqs=..., **parameters)``. Its result takes
        maps of components and returns logits of shape ``(n,)``, or what is said below.
        None is the discriminator of ``ResNet9()``.
    output : {"direct", "mask", "ratio_mask", "affine"}, default="direct"
        Kind of the decoder's output, as for :class:`ResNet9`.
    compression : float, default=1.0
        Exponent of the magnitudes that encoders take, as for :class:`ResNet9`.
    discriminator_conditional : bool, default=False
        Whether discriminators take the mixture's channels after the component's.
    discriminator_local : bool, default=False
        Whether discriminators return logits of shape ``(n, ...)``, one a patch.
    discriminator_waveform : bool, default=False
        Whether discriminators take waveforms of shape ``(n, in_channels, n_times)``.
    **parameters
        Hyperparameters of the classes: ``encoder__width=64`` is passed to the encoder
        as ``width=64``, and is searched over as ``network__encoder__width``.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_cass import AESeparator, Modules
    >>> class ConvEncoder(nn.Sequential):
    ...     def __init__(self, in_channels, n_freqs, width=8):
    ...         super().__init__(nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU())
    >>> class ConvDecoder(nn.Sequential):
    ...     def __init__(self, out_channels, n_freqs, width=8):
    ...         super().__init__(nn.Conv2d(width, out_channels, 3, padding=1))
    >>> network = Modules(ConvEncoder, ConvDecoder, output="mask")
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> separator = AESeparator(network, max_epochs=1, random_state=0)
    >>> separator.set_params(network__encoder__width=4, network__decoder__width=4)
    AESeparator(max_epochs=1,
                network=Modules(decoder=<class '...ConvDecoder'>,
                                decoder__width=4,
                                encoder=<class '...ConvEncoder'>,
                                encoder__width=4, output='mask'),
                random_state=0)
    >>> separator.fit(y.sum(axis=1), y).transform(y.sum(axis=1)).shape
    (8, 2, 64)
    """

    _parameter_constraints: dict = {**OUTPUT, **DISCRIMINATOR}
    PARTS = ("encoder", "decoder", "discriminator")

    def __init__(
        self,
        encoder,
        decoder,
        discriminator=None,
        *,
        output="direct",
        compression=1.0,
        discriminator_conditional=False,
        discriminator_local=False,
        discriminator_waveform=False,
        **parameters,
    ):
        self.encoder = encoder
        self.decoder = decoder
        self.discriminator = discriminator
        self.output = output
        self.compression = compression
        self.discriminator_conditional = discriminator_conditional
        self.discriminator_local = discriminator_local
        self.discriminator_waveform = discriminator_waveform
        for name, value in parameters.items():
            self._set_part_parameter(name, value)

    def _set_part_parameter(self, name, value):
        part, delimiter, _ = name.partition("__")
        if part not in self.PARTS or not delimiter:
            raise TypeError(
                f"Modules got an unknown parameter {name!r}; hyperparameters of the "
                "classes begin with encoder__, decoder__ or discriminator__"
            )
        setattr(self, name, value)

    def get_params(self, deep=True):
        """Return the parameters, those of the classes included.

        Parameters
        ----------
        deep : bool, default=True
            Not used, present for API consistency.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        parameters = super().get_params(deep=False)
        prefixes = tuple(f"{part}__" for part in self.PARTS)
        return parameters | {
            name: value
            for name, value in vars(self).items()
            if name.startswith(prefixes)
        }

    def set_params(self, **params):
        """Set parameters, those of the classes included.

        Parameters
        ----------
        **params : dict
            Parameters, for instance ``output`` or ``encoder__width``.

        Returns
        -------
        self : Modules
            The object itself.
        """
        for name, value in params.items():
            if "__" in name:
                self._set_part_parameter(name, value)
            else:
                super().set_params(**{name: value})
        return self

    def make_encoder(self, shape):
        """Return a new encoder.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        encoder : torch.nn.Module
            The encoder.

        Raises
        ------
        TypeError, ValueError
            If it cannot be made.
        """
        return self._make("encoder", in_channels=shape.in_channels, shape=shape)

    def make_decoder(self, shape):
        """Return a new decoder.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        decoder : torch.nn.Module
            The decoder.

        Raises
        ------
        TypeError, ValueError
            If it cannot be made.
        """
        return self._make("decoder", out_channels=shape.out_channels, shape=shape)

    def make_discriminator(self, shape):
        """Return a new discriminator.

        Parameters
        ----------
        shape : MapShape
            Shape of the maps.

        Returns
        -------
        discriminator : torch.nn.Module
            The discriminator.

        Raises
        ------
        TypeError, ValueError
            If it cannot be made.
        """
        if self.discriminator is None:
            return super().make_discriminator(shape)
        channels = shape.discriminator_channels
        return self._make("discriminator", in_channels=channels, shape=shape)

    def _make(self, part, *, shape, **channels):
        make, prefix = getattr(self, part), f"{part}__"
        name = getattr(make, "__qualname__", repr(make))
        if isinstance(make, nn.Module) or not callable(make):
            raise TypeError(
                f"{part} must be a class of modules or a function that makes one, got "
                f"an instance of {type(make).__name__}: pass the class, and its "
                f"parameters as {prefix}...; each component has its own {part}"
            )
        given = {
            key.removeprefix(prefix): value
            for key, value in vars(self).items()
            if key.startswith(prefix)
        }
        arguments = {**channels, "n_freqs": shape.n_freqs, **given}
        try:
            module = make(**arguments)
        except (TypeError, ValueError) as error:
            call = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"{part}={name} could not be made by {name}({call}): {error}"
            ) from error
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"{part}={name} must make a torch.nn.Module, got {type(module)}"
            )
        return module


def kind_of(network):
    """Return the kind of a network's discriminators, parameters of ResNet9."""
    return {name: getattr(network, name, False) for name in DISCRIMINATOR}
