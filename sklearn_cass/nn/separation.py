"""K autoencoder pairs side by side, and K discriminators."""

from dataclasses import dataclass

import torch
from torch import nn

from .maps import complex_product, compressed

FINISHES = {
    "direct": "direct",
    "mask": "masked",
    "ratio_mask": "ratio_masked",
    "affine": "masked_and_added",
}


class Autoencoder(nn.Module):
    """One pair EN_k, DE_k: a mixture's map in, the k-th component's map out.

    Parameters
    ----------
    encoder, decoder : nn.Module
        The pair. The decoder may return a larger map: it is cropped.
    output : {"direct", "mask", "ratio_mask", "affine"}
        Whether the decoder's output is the estimate itself, a mask that multiplies the
        mixture, the logit of a mask between 0 and 1, or a mask and what is added to
        the masked mixture.
    is_complex : bool
        Whether channels are real and imaginary parts, so that masks are complex (but
        for ratio masks, which multiply both parts).
    n_outputs : int
        Channels of the estimate. Where it is one and the mixture has several, the
        masked channels are added up (filter and sum).
    n_joint : int, default=1
        Components in the estimate, one after the other along the channels.
    compression : float, default=1.0
        Exponent of the magnitudes that the encoder sees.
    """

    def __init__(
        self,
        encoder,
        decoder,
        *,
        output,
        is_complex,
        n_outputs,
        n_joint=1,
        compression=1.0,
    ):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.is_complex, self.compression = is_complex, compression
        self.multiply = complex_product if is_complex else torch.mul
        self.finish = getattr(self, FINISHES[output])
        self.n_joint, self.n_each = n_joint, n_outputs // n_joint
        self.n_outputs = n_outputs

    def forward(self, x):
        """(n, in_channels, H, W) -> (n, out_channels, H, W)."""
        height, width = x.shape[-2:]
        features = self.encoder(compressed(x, self.compression, self.is_complex))
        return self.finish(self.decoder(features)[..., :height, :width], x)

    def direct(self, output, x):
        """The decoder's output is the estimate."""
        return output

    def masked(self, output, x):
        """The decoder's output is a mask for each channel of the mixture."""
        return self.summed(self.multiply(output, torch.cat([x] * self.n_joint, 1)))

    def ratio_masked(self, output, x):
        """The decoder's output is the logit of each channel's ratio mask."""
        shares = output.sigmoid()
        if self.is_complex:  # of both parts
            shares = shares.repeat_interleave(2, dim=1)
        return self.summed(shares * torch.cat([x] * self.n_joint, 1))

    def masked_and_added(self, output, x):
        """The decoder's output is a mask, and behind it a map to add."""
        mask, added = output.tensor_split([-self.n_outputs], dim=1)
        return self.masked(mask, x) + added

    def summed(self, product):
        """What is left of the mixture's channels, added up where there is to be one."""
        each = product.unflatten(1, (self.n_joint, -1, self.n_each))
        return each.sum(2).flatten(1, 2)


class Autoencoders(nn.ModuleList):
    """The K pairs; a mixture's map in, the list of K estimates out.

    Parameters
    ----------
    n_components : int
        Number of pairs, K.
    shape : MapShape
        Channels of mixtures and components.
    encoder, decoder : type
        Module classes, called as :class:`~sklearn_cass.nn.Encoder` and
        :class:`~sklearn_cass.nn.Decoder` are.
    n_filters, n_latent, skip_connections, dilation
        Passed on to them.
    output : {"direct", "mask", "ratio_mask", "affine"}
        What the decoder's output means.
    compression : float
        Exponent of the magnitudes that the encoders see.
    """

    def __init__(
        self,
        n_components,
        shape,
        *,
        encoder,
        decoder,
        n_filters,
        n_latent,
        skip_connections,
        output,
        dilation=1,
        compression=1.0,
    ):
        size = {"n_filters": n_filters, "n_latent": n_latent, "dilation": dilation}
        n_decoded = {
            "direct": shape.n_outputs,
            "mask": shape.n_joint * shape.n_inputs,
            "ratio_mask": shape.n_joint * shape.n_channels,
            "affine": shape.n_joint * shape.n_inputs + shape.n_outputs,
        }
        super().__init__(
            Autoencoder(
                built("encoder", encoder, shape.n_inputs, **size),
                built(
                    "decoder",
                    decoder,
                    n_decoded[output],
                    skip_connections=skip_connections,
                    **size,
                ),
                output=output,
                is_complex=shape.is_complex,
                n_outputs=shape.n_outputs,
                n_joint=shape.n_joint,
                compression=compression,
            )
            for _ in range(n_components)
        )
        check_trainable("encoder and decoder", self)

    def forward(self, x):
        return [autoencoder(x) for autoencoder in self]


class Discriminators(nn.ModuleList):
    """The K discriminators D_i, to be indexed by component."""

    def __init__(self, n_components, shape, *, discriminator, n_filters, n_latent):
        super().__init__(
            built(
                "discriminator",
                discriminator,
                shape.n_outputs,
                n_filters=n_filters,
                n_latent=n_latent,
            )
            for _ in range(n_components)
        )
        check_trainable("discriminator", self)


def built(role, cls, *args, **kwargs):
    """A network of a class that may be a user's own."""
    try:
        module = cls(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{role}={cls!r} could not be made: {error}") from error
    if not isinstance(module, nn.Module):
        raise TypeError(f"{role} must make a torch.nn.Module, got {type(module)}")
    return module


def lay_out(module):
    """Weights in single precision, whatever torch's default, and channels last."""
    module.to(dtype=torch.float32, memory_format=torch.channels_last)


def check_trainable(role, module):
    """There must be something to train."""
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(f"{role} must have parameters to train, got none")


@dataclass(frozen=True)
class MapShape:
    """Channels of the real-valued maps that the networks see.

    Parameters
    ----------
    n_channels, n_component_channels : int
        Channels of mixtures and of components, before real and imaginary parts are
        told apart.
    is_complex : bool
        Whether a channel is a pair of real and imaginary part.
    n_joint : int, default=1
        Components in a map, one after the other along the channels.
    """

    n_channels: int
    n_component_channels: int
    is_complex: bool
    n_joint: int = 1

    @property
    def n_inputs(self):
        """Channels of a mixture's map."""
        return self.n_channels * (1 + self.is_complex)

    @property
    def n_outputs(self):
        """Channels of an estimate's map."""
        return self.n_joint * self.n_component_channels * (1 + self.is_complex)
