"""Encoder and decoder of the recurrent network, in plain PyTorch.

Frames are taken in the order of time: a dense layer over all channels and frequencies,
recurrent layers over the frames in both directions, and dense layers back to
frequencies, as in Open-Unmix (F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji,
"Open-Unmix - A reference implementation for music source separation", Journal of Open
Source Software 4(41), 1667, 2019).
"""

import torch
from torch import nn
from torch.nn import functional as F

from .maps import by_sample

# In evaluation, samples pass through all layers but the LSTMs one by one: products of
# matrices round their rows differently by their places. A sample thereby has the same
# bits in a batch of any size, as the attribute `batch_invariant` says.

HAS_AVX2 = torch.backends.cpu.get_cpu_capability().startswith("AVX")


class BatchNorm1d(nn.BatchNorm1d):
    """Batch normalization of features (n, n_frames, width) over samples and frames.

    A single frame has no variance: it is normalized by the running statistics.
    """

    def forward(self, x):
        flat = x.flatten(0, 1)
        if self.training and len(flat) == 1:
            mean, var = self.running_mean, self.running_var
            flat = F.batch_norm(flat, mean, var, self.weight, self.bias, eps=self.eps)
        else:
            flat = super().forward(flat)
        return flat.unflatten(0, x.shape[:2])


class BatchInvariantLSTM(nn.LSTM):
    """LSTM that, in evaluation, gives a sample the same bits in a batch of any size.

    Without AVX2, oneDNN has other arithmetic for a single sample, which is doubled.
    """

    def forward(self, x):
        """Map features (n, n_frames, width) to those of both directions."""
        if torch.compiler.is_compiling():  # for batches of any size
            return super().forward(x)[0]
        if self.training or len(x) > 1 or HAS_AVX2:
            return super().forward(x)[0]
        return super().forward(torch.cat([x, x]))[0][:1]


class FrequencyScale(nn.Module):
    """Offset and scale of each frequency, learned."""

    def __init__(self, n_freqs, offset=0.0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_freqs, 1))
        self.offset = nn.Parameter(torch.full((n_freqs, 1), offset))

    def forward(self, x):
        return x * self.scale + self.offset


class RecurrentEncoder(nn.Module):
    """Encoder: from a mixture's map to features of each frame.

    Parameters
    ----------
    in_channels : int
        Channels of the mixture's map.
    n_freqs : int
        Its frequencies.
    width : int
        Features of a frame, an even number.
    n_layers : int
        Number of recurrent layers.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import RecurrentEncoder
    >>> encoder = RecurrentEncoder(1, 65, width=8, n_layers=1)
    >>> encoder(torch.ones(3, 1, 65, 20)).shape  # a vector for each frame
    torch.Size([3, 20, 16])
    """

    batch_invariant = True

    def __init__(self, in_channels, n_freqs, *, width, n_layers):
        super().__init__()
        self.input_scale = FrequencyScale(n_freqs)
        self.dense = nn.Linear(in_channels * n_freqs, width, bias=False)
        self.norm = BatchNorm1d(width)
        self.recurrent = BatchInvariantLSTM(
            width, width // 2, n_layers, batch_first=True, bidirectional=True
        )

    def forward(self, x):
        """Map (n, in_channels, n_freqs, n_frames) to (n, n_frames, 2 * width)."""
        features = self.layers(x) if self.training else by_sample(self.layers, x)
        return torch.cat([features, self.recurrent(features)], -1)

    def layers(self, x):
        """Map some samples to features (n, n_frames, width)."""
        frames = self.input_scale(x).flatten(1, 2).transpose(1, 2)
        return torch.tanh(self.norm(self.dense(frames)))


class RecurrentDecoder(nn.Module):
    """Decoder: from features of each frame to a map.

    Parameters
    ----------
    out_channels : int
        Channels of the output.
    n_freqs : int
        Its frequencies.
    width : int
        As in the encoder.

    Examples
    --------
    >>> import torch
    >>> from sklearn_cass.nn import RecurrentDecoder
    >>> RecurrentDecoder(1, 65, width=8)(torch.ones(3, 20, 16)).shape
    torch.Size([3, 1, 65, 20])
    """

    batch_invariant = True

    def __init__(self, out_channels, n_freqs, *, width):
        super().__init__()
        self.shape = out_channels, n_freqs
        n_outputs = out_channels * n_freqs
        self.dense = nn.Linear(2 * width, width, bias=False)
        self.norm = BatchNorm1d(width)
        self.output = nn.Linear(width, n_outputs, bias=False)
        self.output_norm = BatchNorm1d(n_outputs)
        self.output_scale = FrequencyScale(n_freqs)

    def forward(self, features):
        """Map (n, n_frames, 2 * width) to (n, out_channels, n_freqs, n_frames)."""
        if self.training:
            return self.layers(features)
        return by_sample(self.layers, features)

    def layers(self, features):
        """Map features of some samples."""
        hidden = F.relu(self.norm(self.dense(features)))
        frames = self.output_norm(self.output(hidden))
        return self.output_scale(frames.transpose(1, 2).unflatten(1, self.shape))
