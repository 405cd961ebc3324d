"""K autoencoder pairs, and K discriminators, as one module each."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from .maps import by_sample, complex_product, compressed
from .waveforms import WaveformShape, inverse_stft

# values of `output`, and the method of Autoencoder that applies each
OUTPUT_HEADS = {
    "direct": "direct",
    "mask": "masked",
    "ratio_mask": "ratio_masked",
    "affine": "masked_and_added",
}


@dataclass(frozen=True)
class MapShape:
    """Shape of the real-valued maps that networks take and return.

    Parameters
    ----------
    n_channels, n_component_channels : int
        Channels of mixtures and of components.
    n_freqs, n_frames : int
        Height and width of the maps: frequencies and frames of spectrograms, 1 and
        ``n_times`` for waveforms (``stft=False``), height and width of images.
    is_complex : bool
        Whether each channel is two: a real and an imaginary part.
    n_joint : int, default=1
        Components in one map, one after the other along the channels.
    output : {"direct", "mask", "ratio_mask", "affine"}, default="direct"
        Kind of the decoder's output.
    conditional, on_waveforms : bool, default=False
        Whether discriminators take the mixture beside the component, and whether they
        take waveforms in place of maps.
    waveforms : WaveformShape, default=None
        Relation of the maps to waveforms, None where there is none.

    Examples
    --------
    >>> from sklearn_cass.nn import MapShape
    >>> shape = MapShape(2, 2, n_freqs=9, n_frames=20, is_complex=True)
    >>> shape.in_channels, shape.out_channels
    (4, 4)
    """

    n_channels: int
    n_component_channels: int
    n_freqs: int
    n_frames: int
    is_complex: bool
    n_joint: int = 1
    output: str = "direct"
    conditional: bool = False
    on_waveforms: bool = False
    waveforms: WaveformShape | None = field(default=None, compare=False)

    @property
    def is_tall(self):
        """Shape of more frequencies than frames."""
        return self.n_freqs > self.n_frames

    @property
    def in_channels(self):
        """Channels of a mixture's map, which encoders take."""
        return self.n_channels * (1 + self.is_complex)

    @property
    def component_channels(self):
        """Channels of a component's map."""
        return self.n_joint * self.n_component_channels * (1 + self.is_complex)

    @property
    def discriminator_channels(self):
        """Channels that discriminators take: a component's, perhaps the mixture's."""
        own, mixture = self.component_channels, self.in_channels
        if self.on_waveforms:
            own, mixture = self.n_joint * self.n_component_channels, self.n_channels
        return own + self.conditional * mixture

    @property
    def discriminator_shape(self):
        """Shape of what discriminators take of one component."""
        if self.on_waveforms:
            return self.discriminator_channels, self.waveforms.n_times
        return self.discriminator_channels, self.n_freqs, self.n_frames

    @property
    def out_channels(self):
        """Channels that decoders return."""
        return {
            "direct": self.component_channels,
            "mask": self.n_joint * self.in_channels,
            "ratio_mask": self.n_joint * self.n_channels,
            "affine": self.n_joint * self.in_channels + self.component_channels,
        }[self.output]


class Autoencoder(nn.Module):
    """One pair EN_k, DE_k: from a mixture's map to the k-th component's map.

    Parameters
    ----------
    encoder, decoder : nn.Module
        The pair. The decoder may return a larger map, which is cropped.
    shape : MapShape
        Shape of the maps. ``shape.output`` says whether the decoder returns the
        estimate ("direct"), a mask that multiplies the mixture, the logit of a mask
        between 0 and 1 ("ratio_mask"), or a mask and a map to add to the masked mixture
        ("affine"). Where the estimate has one channel and the mixture several, the
        masked channels are added up (filter and sum).
    compression : float, default=1.0
        Exponent of the magnitudes that the encoder takes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import Autoencoder, Decoder, Encoder, MapShape
    >>> encoder = Encoder(2, n_filters=4, n_latent=8)
    >>> decoder = Decoder(2, n_filters=4, n_latent=8)
    >>> shape = MapShape(1, 1, n_freqs=9, n_frames=20, is_complex=True)
    >>> Autoencoder(encoder, decoder, shape)(torch.ones(3, 2, 9, 20)).shape
    torch.Size([3, 2, 9, 20])
    """

    def __init__(self, encoder, decoder, shape, *, compression=1.0):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.shape, self.compression = shape, compression
        self.multiply = complex_product if shape.is_complex else torch.mul
        self.apply_output = getattr(self, OUTPUT_HEADS[shape.output])

    def forward(self, x, encoded=None):
        """Map (n, in_channels, H, W) to (n, component_channels, H, W).

        ``encoded`` is what the encoder takes, where it is known.
        """
        height, width = x.shape[-2:]
        features = self.encoder(self.compressed(x) if encoded is None else encoded)
        if self.training:
            return self.decoded(features, x)
        if getattr(self.decoder, "batch_invariant", False):
            return by_sample(self.decoded, features, x)
        output = self.decoder(features)[..., :height, :width]
        if self.shape.output == "direct":
            return output
        return by_sample(self.apply_output, output, x)

    def compressed(self, x):
        """Return what the encoder takes of a mixture's map."""
        if self.compression == 1:
            return x
        compress = partial(
            compressed, exponent=self.compression, is_complex=self.shape.is_complex
        )
        return compress(x) if self.training else by_sample(compress, x)

    def decoded(self, features, x):
        """Return the estimate of a mixture's map, from the encoder's output."""
        height, width = x.shape[-2:]
        return self.apply_output(self.decoder(features)[..., :height, :width], x)

    def direct(self, output, x):
        """Return the output as the estimate."""
        return output

    def masked(self, output, x):
        """Multiply each channel of the mixture by its mask."""
        return self.sum_channels(self.multiply(output, self.repeat(x)))

    def ratio_masked(self, output, x):
        """Multiply each channel of the mixture by the sigmoid of the output."""
        mask, x = output.sigmoid(), self.repeat(x)
        if self.shape.is_complex:  # the same for both parts
            product = mask.unsqueeze(2) * x.unflatten(1, (-1, 2))
            return self.sum_channels(product.flatten(1, 2))
        return self.sum_channels(mask * x)

    def masked_and_added(self, output, x):
        """Apply the mask of the first channels and add the others."""
        mask, added = output.tensor_split([-self.shape.component_channels], dim=1)
        return self.masked(mask, x) + added

    def repeat(self, x):
        """Repeat the mixture's channels for each component of the map."""
        return x if self.shape.n_joint == 1 else torch.cat([x] * self.shape.n_joint, 1)

    def sum_channels(self, product):
        """Add up the masked channels where the component has one channel."""
        n_each = self.shape.component_channels // self.shape.n_joint
        if product.shape[1] == self.shape.component_channels:
            return product
        each = product.unflatten(1, (self.shape.n_joint, -1, n_each))
        return each.sum(2).flatten(1, 2)


class Autoencoders(nn.ModuleList):
    """The K pairs: from a mixture's map to a list of K estimates.

    Parameters
    ----------
    n_components : int
        Number of pairs, K.
    shape : MapShape
        Shape of the maps.
    network : object
        Makes encoders and decoders, see :class:`~sklearn_cass.nn.Network`.
    check : bool, default=True
        Whether to pass a silent map through every pair, which finds maps of another
        shape than expected and initializes lazy modules.

    Raises
    ------
    TypeError, ValueError
        If an encoder or a decoder cannot be made, returns maps of another shape than
        expected, or has no parameters to train.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import Autoencoders, MapShape, ResNet9
    >>> shape = MapShape(1, 1, n_freqs=9, n_frames=20, is_complex=True)
    >>> pairs = Autoencoders(2, shape, ResNet9(n_filters=4, n_latent=8))
    >>> [estimate.shape for estimate in pairs(torch.ones(3, 2, 9, 20))]
    [torch.Size([3, 2, 9, 20]), torch.Size([3, 2, 9, 20])]
    """

    def __init__(self, n_components, shape, network, check=True):
        shape = replace(shape, output=getattr(network, "output", "direct"))
        compression = float(getattr(network, "compression", 1.0))
        pairs = []
        for _ in range(n_components):
            encoder = network.make_encoder(shape)
            decoder = network.make_decoder(shape)
            check_module("encoder", encoder)
            check_module("decoder", decoder)
            pairs.append(Autoencoder(encoder, decoder, shape, compression=compression))
            if check:
                check_autoencoder(pairs[-1])
        super().__init__(pairs)
        check_trainable("encoder and decoder", self)

    @property
    def batch_invariant(self):
        """Equality of estimates on a CPU, bit for bit, in batches of all sizes.

        It holds where encoders and decoders have this attribute, and it is true.
        """
        return all(getattr(part, "batch_invariant", False) for part in self.parts())

    def forward(self, x):
        """Map (n, in_channels, H, W) to a list of K estimates."""
        encoded = self[0].compressed(x)  # all pairs have one network
        return [autoencoder(x, encoded) for autoencoder in self]

    def parts(self):
        """Return all encoders and decoders."""
        return [part for pair in self for part in (pair.encoder, pair.decoder)]


class Condition(NamedTuple):
    """Input of discriminators beside maps of components: parts of n mixtures.

    Parameters
    ----------
    X : tensor or None
        The mixtures, for their phases, where discriminators take waveforms.
    beside : tensor or None
        Maps or waveforms of the mixtures, for conditional discriminators.
    representation : object
        Representation of the maps, one of ``REPRESENTATIONS``.
    """

    X: torch.Tensor | None
    beside: torch.Tensor | None
    representation: object


class Discriminators(nn.ModuleList):
    """The K discriminators D_i, indexed by component.

    Parameters
    ----------
    n_components : int
        Number of discriminators, K.
    shape : MapShape
        Shape of the maps.
    network : object
        Makes discriminators, see :class:`~sklearn_cass.nn.Network`.
    check : bool, default=True
        Whether to pass a silent map through every discriminator.

    Raises
    ------
    TypeError, ValueError
        If a discriminator cannot be made, does not return one logit per map or patch,
        or has no parameters to train, or if maps without waveforms are to have them.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import Discriminators, MapShape, ResNet9
    >>> shape = MapShape(1, 1, n_freqs=9, n_frames=20, is_complex=True)
    >>> first, second = Discriminators(2, shape, ResNet9(n_filters=4, n_latent=8))
    >>> first(torch.ones(3, 2, 9, 20)).shape  # a logit for each map
    torch.Size([3])
    """

    def __init__(self, n_components, shape, network, check=True):
        shape = discriminated_shape(shape, network)
        is_local = bool(getattr(network, "discriminator_local", False))
        discriminators = []
        for _ in range(n_components):
            discriminators.append(network.make_discriminator(shape))
            check_module("discriminator", discriminators[-1])
            if check:
                check_discriminator(discriminators[-1], shape, is_local)
        super().__init__(discriminators)
        check_trainable("discriminator", self)
        self.shape = shape
        if shape.on_waveforms and shape.waveforms.window is not None:
            self._set_window(shape.waveforms)

    def _set_window(self, waveforms):
        # part of no file, and in memory also where weights are not yet
        overlaps = waveforms.overlaps(self.shape.n_frames)
        for name, values in {"window": waveforms.window, "overlaps": overlaps}.items():
            self.register_buffer(name, values.float(), persistent=False)

    def parts(self):
        """Return all discriminators."""
        return list(self)

    def condition(self, X, mixtures, representation):
        """Return what discriminators take of mixtures X, whose maps are given, too.

        It is None for discriminators that take maps of components alone.
        """
        if not self.shape.on_waveforms:
            is_taken = self.shape.conditional
            return Condition(None, mixtures, representation) if is_taken else None
        condition = Condition(X, None, representation)
        if not self.shape.conditional:
            return condition
        waveforms = self.waveforms(mixtures, condition, n_joint=1)
        return condition._replace(beside=waveforms)

    def inputs(self, maps, condition=None):
        """Return what discriminators take of maps (m * n, ...), m for each mixture.

        The first n maps are of the n mixtures in their order, and so are the next.
        """
        if condition is None:
            return maps
        if self.shape.on_waveforms:
            maps = self.waveforms(maps, condition, self.shape.n_joint)
        if condition.beside is None:
            return maps
        return torch.cat([maps, repeated(condition.beside, len(maps))], 1)

    def waveforms(self, maps, condition, n_joint):
        """Return the waveforms (n, C, n_times) of maps."""
        X = repeated(condition.X, len(maps))
        components = maps.unflatten(1, (n_joint, -1))
        z = condition.representation.estimates(components, X).flatten(1, 2)
        shape = self.shape.waveforms
        if shape.window is None:
            return z.flatten(2)
        return inverse_stft(z, self.window, self.overlaps, shape.hop_length)


def discriminated_shape(shape, network):
    """Return the shape of maps with what a network's discriminators take of them."""
    shape = replace(
        shape,
        conditional=bool(getattr(network, "discriminator_conditional", False)),
        on_waveforms=bool(getattr(network, "discriminator_waveform", False)),
    )
    if shape.on_waveforms and shape.waveforms is None:
        raise ValueError(
            "network: discriminator_waveform=True needs waveforms, or spectrograms as "
            "STFTTransformer.transform returns them (a Spectrogram), got images or "
            "complex numbers without their STFT"
        )
    return shape


def repeated(x, n_rows):
    """Repeat all rows of a tensor, one time after the other, up to a number of rows."""
    n_times = n_rows // len(x)
    return x if n_times == 1 else torch.cat([x] * n_times)


# Checks of the parts that a network makes ---------------------------------------------


def check_module(part, module):
    """Raise a TypeError unless the part is a module."""
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"network: the {part} must be a torch.nn.Module, got {type(module)}"
        )


def check_trainable(part, module):
    """Raise a ValueError if there is nothing to train."""
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(f"network: the {part} must have parameters to train, got none")


def check_autoencoder(pair):
    """Pass a silent map through a new pair and check what the decoder returns.

    This also initializes lazy modules.
    """
    shape, decoder = pair.shape, type(pair.decoder).__name__
    x = silence(shape.in_channels, shape)
    features = passed("encoder", pair.encoder, x, "a map")
    is_list = isinstance(features, list | tuple)
    hint = LIST_HINT if is_list else ""
    output = passed("decoder", pair.decoder, features, "the encoder's output", hint)
    wanted = (1, shape.out_channels, shape.n_freqs, shape.n_frames)
    found = tuple(getattr(output, "shape", ()))
    if (
        not isinstance(output, torch.Tensor)
        or found[:2] != wanted[:2]
        or len(found) != 4
        or any(n < least for n, least in zip(found[2:], wanted[2:], strict=True))
    ):
        raise ValueError(
            f"network: the decoder {decoder} must return a tensor of shape (n, "
            f"out_channels, n_freqs, n_frames) = (n, {', '.join(map(str, wanted[1:]))})"
            f", or larger in the last two axes, for maps of shape (n, "
            f"{', '.join(map(str, x.shape[1:]))}) and output={shape.output!r}; got "
            f"{describe(output)} for n = 1"
        )


def check_discriminator(discriminator, shape, is_local=False):
    """Pass silence through a new discriminator and check that it has one logit.

    Local discriminators have one for each of several patches.
    """
    x = torch.zeros((1, *shape.discriminator_shape), dtype=torch.float32)
    what = "a waveform" if shape.on_waveforms else "a map"
    logits = passed("discriminator", discriminator, x, what)
    n_axes = logits.ndim if isinstance(logits, torch.Tensor) else 0
    is_valid = n_axes > 1 if is_local else n_axes == 1
    if not is_valid or len(logits) != 1 or not logits.numel():
        expected = "patch, a tensor of shape (n, n_patches) or of more axes"
        expected = expected if is_local else f"{what[2:]}, a tensor of shape (n,)"
        raise ValueError(
            f"network: the discriminator {type(discriminator).__name__} must return "
            f"one logit per {expected}, for {what[2:]}s of shape (n, "
            f"{', '.join(map(str, x.shape[1:]))}); got {describe(logits)} for n = 1"
        )


def silence(n_channels, shape):
    """Return one silent map in single precision, whatever torch's default."""
    size = 1, n_channels, shape.n_freqs, shape.n_frames
    return torch.zeros(size, dtype=torch.float32)


# encoders of this package return all their maps, for skip connections
LIST_HINT = " (let forward(self, features) take a map of them, such as features[-1])"


def passed(part, module, x, what, hint=""):
    """Return the output of a new module in evaluation mode, errors naming the part."""
    module.to(torch.float32)  # whatever torch's default
    training = {m: m.training for m in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            return module(x)
    except Exception as error:  # a user's module may raise anything
        raise ValueError(
            f"network: the {part} {type(module).__name__} failed on {what}, "
            f"{describe(x)}{hint}: {error}"
        ) from error
    finally:
        for m, mode in training.items():
            m.training = mode


def describe(output):
    """Return types and shapes of a module's output as text."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, list | tuple):
        parts = ", ".join(describe(part) for part in output)
        return f"a {type(output).__name__} of {len(output)}: {parts}"
    return f"an object of type {type(output).__name__}"


def to_channels_last(module):
    """Convert weights to float32 in channels_last memory format.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import to_channels_last
    >>> layer = torch.nn.Conv2d(8, 4, 3)
    >>> to_channels_last(layer)
    >>> layer.weight.is_contiguous(memory_format=torch.channels_last)
    True
    """
    module.to(dtype=torch.float32, memory_format=torch.channels_last)
