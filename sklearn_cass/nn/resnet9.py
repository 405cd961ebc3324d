"""Encoder, decoder and discriminator of the ResNet-9, in plain PyTorch.

A ResNet-9 is a stem convolution and four residual blocks of two convolutions each.
Stem and blocks halve height and width on the way in; the decoder mirrors them. Odd
sizes are rounded up on the way in and cropped on the way out, so that a map of any
size comes back in its own size.
"""

import torch
from torch import nn
from torch.nn import functional as F

N_BLOCKS, N_LOCAL_BLOCKS = 4, 2  # of discriminators


def stage_channels(n_filters, n_latent):
    """Return channels after the stem and after each of the four residual blocks."""
    return [n_filters, 2 * n_filters, 4 * n_filters, 4 * n_filters, n_latent]


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalization that also trains on one value per channel.

    A single sample whose map has shrunk to one pixel has no variance. It is normalized
    by the running statistics, where PyTorch's class raises an error.
    """

    def forward(self, x):
        if self.training and x.numel() == x.shape[1]:
            mean, var = self.running_mean, self.running_var
            return F.batch_norm(x, mean, var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class FrequencyCoordinate(nn.Module):
    """Append a channel with the frequency of each position of the map, from -1 to 1.

    Convolutions treat all frequencies alike without it.

    Parameters
    ----------
    axis : int, default=-2
        Axis of the frequencies.
    """

    def __init__(self, axis=-2):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        n, _, height, width = x.shape
        ramp = torch.linspace(-1, 1, x.shape[self.axis], dtype=x.dtype, device=x.device)
        ramp = ramp.unsqueeze(-1) if self.axis == -2 else ramp
        ramp = ramp.expand(n, 1, height, width)
        # keep channels_last, or the next convolution converts the memory format
        return torch.cat([x, ramp.contiguous(memory_format=torch.channels_last)], 1)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut connection.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the output.
    stride : int, default=1
        Stride of the first convolution.
    dilations : tuple of int, default=(1, 1)
        Dilation of each convolution.
    norm_layer : callable, default=BatchNorm2d
        Takes a number of channels, returns a normalization module.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        *,
        stride=1,
        dilations=(1, 1),
        norm_layer=BatchNorm2d,
    ):
        super().__init__()
        first, second = ({"dilation": d, "padding": d} for d in dilations)
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, **first),
            norm_layer(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, **second),
            norm_layer(out_channels),
        )
        # The shortcut takes every stride-th pixel before the 1x1 convolution: with few
        # channels in channels_last memory, the backward pass of a strided convolution
        # writes past its buffers (oneDNN on AVX2, seen with torch 2.13).
        self.downsample = nn.AvgPool2d(1, stride) if stride > 1 else nn.Identity()
        same = stride == 1 and in_channels == out_channels
        self.shortcut = (
            nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        )

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(self.downsample(x)), inplace=True)


class Encoder(nn.Module):
    """Encoder of the ResNet-9: from a mixture's map to five feature maps.

    The last one is the paper's representation h.

    Parameters
    ----------
    in_channels : int
        Channels of the mixture's map.
    n_filters : int
        Channels after the stem; the blocks have two and four times as many.
    n_latent : int
        Channels of the last map.
    dilation : int, default=1
        Dilation of the last convolution.
    norm_layer : callable, default=BatchNorm2d
        Takes a number of channels, returns a normalization module.
    transpose : bool, default=False
        Whether to convolve transposed maps, with frequencies along the last axis, and
        return feature maps like that. Convolutions are fast along the last axis, so
        that maps of more frequencies than frames take half the time.
    stride : int, default=2
        Stride of the first convolution along frequencies, an even number.
    n_blocks : int, default=4
        Number of residual blocks. Fewer are less deep: they return fewer maps.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import Encoder
    >>> features = Encoder(2, n_filters=4, n_latent=8)(torch.ones(3, 2, 32, 64))
    >>> [tuple(feature.shape[1:]) for feature in features]
    [(4, 16, 32), (8, 8, 16), (16, 4, 8), (16, 2, 4), (8, 1, 2)]
    """

    def __init__(
        self,
        in_channels,
        *,
        n_filters,
        n_latent,
        dilation=1,
        norm_layer=BatchNorm2d,
        transpose=False,
        stride=2,
        n_blocks=4,
    ):
        super().__init__()
        self.transpose = transpose
        channels = stage_channels(n_filters, n_latent)[: n_blocks + 1]
        sizes = [(stride + 1, 3), (stride, 2), (stride // 2, 1)]
        kernel, strides, padding = (s[::-1] if transpose else s for s in sizes)
        self.stem = nn.Sequential(
            FrequencyCoordinate(-1 if transpose else -2),
            nn.Conv2d(in_channels + 1, n_filters, kernel, strides, padding),
            norm_layer(n_filters),
            nn.ReLU(inplace=True),
        )
        seconds = [1] * (n_blocks - 1) + [dilation]
        self.blocks = nn.ModuleList(
            ResidualBlock(
                n_in, n_out, stride=2, dilations=(1, second), norm_layer=norm_layer
            )
            for n_in, n_out, second in zip(
                channels[:-1], channels[1:], seconds, strict=True
            )
        )

    def forward(self, x):
        """Map (n, in_channels, H, W) to maps from (n, n_filters, H/2, W/2) on."""
        features = [self.stem(transposed(x) if self.transpose else x)]
        for block in self.blocks:
            features.append(block(features[-1]))
        return features


class Decoder(nn.Module):
    """Decoder of the ResNet-9, the mirror of :class:`Encoder`.

    Parameters
    ----------
    out_channels : int
        Channels of the output.
    n_filters, n_latent : int
        As in the encoder.
    skip_connections : bool, default=True
        Whether every block also takes the encoder's map of its size. If False, the
        last map is the only input.
    dilation : int, default=1
        Dilation of the first convolution; that of the second is half of it.
    transpose : bool, default=False
        As in the encoder. The output has frequencies along its last axis but one.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import Decoder, Encoder
    >>> features = Encoder(2, n_filters=4, n_latent=8)(torch.ones(3, 2, 32, 64))
    >>> Decoder(1, n_filters=4, n_latent=8)(features).shape
    torch.Size([3, 1, 32, 64])
    """

    def __init__(
        self,
        out_channels,
        *,
        n_filters,
        n_latent,
        skip_connections=True,
        dilation=1,
        transpose=False,
    ):
        super().__init__()
        self.transpose = transpose
        channels = stage_channels(n_filters, n_latent)[::-1]
        self.join = concatenate if skip_connections else keep_first
        widest = (dilation, max(1, dilation // 2))
        self.blocks = nn.ModuleList(
            ResidualBlock(n_in + skip_connections * n_out, n_out, dilations=dilations)
            for n_in, n_out, dilations in zip(
                channels[:-1], channels[1:], (widest, *[(1, 1)] * 3), strict=True
            )
        )
        # four output pixels from each position: the inverse of the stem's stride
        self.head = nn.Sequential(
            nn.Conv2d(n_filters, 4 * out_channels, 3, padding=1), nn.PixelShuffle(2)
        )

    def forward(self, features):
        """Map the encoder's five maps to (n, out_channels, >= H, >= W)."""
        h = features[-1]
        for block, feature in zip(self.blocks, features[-2::-1], strict=True):
            h = block(self.join(upsample_to(h, feature), feature))
        output = self.head(h)
        return transposed(output) if self.transpose else output


class Discriminator(nn.Module):
    """Discriminator of the ResNet-9, its logits positive for true components.

    It has no batch normalization, so that the logit of a map does not depend on
    the other maps of the batch.

    Parameters
    ----------
    in_channels : int
        Channels of a component's map, and of the mixture's, if it is beside.
    n_filters, n_latent, transpose, stride
        As in the encoder.
    local : bool, default=False
        Whether to return a logit for each patch of the map (39 frames, one every 8),
        from two residual blocks, instead of one for the whole map, from four.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import Discriminator
    >>> maps = torch.ones(3, 2, 32, 64)
    >>> Discriminator(2, n_filters=4, n_latent=8)(maps).shape
    torch.Size([3])
    >>> Discriminator(2, n_filters=4, n_latent=8, local=True)(maps).shape
    torch.Size([3, 4, 8])
    """

    def __init__(
        self,
        in_channels,
        *,
        n_filters,
        n_latent,
        transpose=False,
        stride=2,
        local=False,
    ):
        super().__init__()
        n_blocks = N_LOCAL_BLOCKS if local else N_BLOCKS
        self.encoder = Encoder(
            in_channels,
            n_filters=n_filters,
            n_latent=n_latent,
            norm_layer=no_norm,
            transpose=transpose,
            stride=stride,
            n_blocks=n_blocks,
        )
        self.pool = positions_first if local else mean_over_positions
        n_features = stage_channels(n_filters, n_latent)[n_blocks]
        self.output = nn.Linear(n_features, 1)

    def forward(self, x):
        """Map (n, in_channels, H, W) to logits (n,), or to one a patch (n, h, w)."""
        return self.output(self.pool(self.encoder(x)[-1])).squeeze(-1)


def positions_first(x):
    """Move the channels behind height and width."""
    return x.movedim(1, -1)


def mean_over_positions(x):
    """Return the mean over height and width."""
    return x.mean((-2, -1))


def transposed(x):
    """Exchange the last two axes, and keep channels_last."""
    return x.transpose(-2, -1).contiguous(memory_format=torch.channels_last)


def no_norm(n_channels):
    """Return a normalization layer that does not change its input."""
    return nn.Identity()


def concatenate(h, feature):
    """Concatenate both maps along the channels."""
    return torch.cat([h, feature], 1)


def keep_first(h, feature):
    """Return the first map."""
    return h


def upsample_to(h, feature):
    """Repeat pixels of h to the height and width of feature."""
    return F.interpolate(h, size=feature.shape[-2:])
