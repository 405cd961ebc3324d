"""Cost of estimates: no work done twice, none for other rows, single precision.

What they must not lose by it: the same bits for each row, and accuracy.
"""

import numpy as np
import pytest
import torch
from cases import FAST, IDENTITY, make_mixtures
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_cass import (
    AESeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    NMFSeparator,
    STFTTransformer,
)
from sklearn_cass.nn import autoencoders, recurrent
from sklearn_cass.nn.maps import by_sample, concatenated
from sklearn_cass.separators import _base

RECURRENT = FAST | {
    "network": BiLSTM(12, 2, compression=0.3),
    "representation": "phase-sensitive",
    "stft": STFTTransformer(n_fft=16),
    "optimizer": "adam",
}


class SizesOfDtype(TorchDispatchMode):
    """Keep the largest tensor of some types that is computed."""

    def __init__(self, *dtypes):
        super().__init__()
        self.dtypes, self.largest = dtypes, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        found = result if isinstance(result, tuple | list) else [result]
        for tensor in found:
            if isinstance(tensor, torch.Tensor) and tensor.dtype in self.dtypes:
                self.largest = max(self.largest, tensor.numel())
        return result


def batches_of(separator, call):
    """Return the sizes of the batches that reach the first encoder in a call."""
    sizes = []
    hook = separator.net_.module_[0].encoder.register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0]))
    )
    call()
    hook.remove()
    return sizes


# --- no work done twice, and none for nothing ---------------------------------------


def test_recurrent_networks_take_no_more_rows_than_there_are():
    X, y = make_mixtures(11)
    separator = AESeparator(**RECURRENT).fit(X, y)
    assert batches_of(separator, lambda: separator.transform(X[:1])) == [1]
    assert sum(batches_of(separator, lambda: separator.transform(X))) == 11
    # windows at 0, 32, ..., the last one 33 points long
    recording = np.tile(X[0], 3)[:129]
    assert sum(batches_of(separator, lambda: separator.separate(recording))) == 4


def test_large_rows_take_a_chunk_of_their_own(monkeypatch):
    X, y = make_mixtures(5)
    separator = AESeparator(**FAST).fit(X, y)
    monkeypatch.setattr(_base, "CHUNK_ENTRIES", separator.domains_.n_entries)
    assert batches_of(separator, lambda: separator.transform(X[:2])) == [1, 1]


def test_networks_of_other_kinds_take_batches_of_one_size():
    X, y = make_mixtures(11)
    separator = AESeparator(**FAST).fit(X, y)
    assert batches_of(separator, lambda: separator.transform(X)) == [8, 8]
    # whatever the parameter says after the fit
    separator.set_params(network=BiLSTM(8, 1))
    assert batches_of(separator, lambda: separator.transform(X[:1])) == [8]


def test_all_pairs_take_the_same_compressed_map(monkeypatch):
    calls = []

    def counted(x, exponent, is_complex):
        calls.append(len(x))
        return x

    X, y = make_mixtures(5, n_components=3)
    separator = CASSSeparator(**RECURRENT).fit(X, y)
    monkeypatch.setattr(autoencoders, "compressed", counted)
    separator.transform(X)
    assert sum(calls) == 5


def test_level_of_each_row_is_computed_once(monkeypatch):
    n_rows = []

    def counted(z):
        n_rows.append(len(z))
        return unit_level(z)

    unit_level = _base.scaled_to_unit_level
    X, y = make_mixtures(11)
    separator = AESeparator(**RECURRENT).fit(X, y)
    monkeypatch.setattr(_base, "scaled_to_unit_level", counted)
    separator.transform(X)
    assert sum(n_rows) == 11


# --- single precision ---------------------------------------------------------------


@pytest.mark.parametrize("settings", [FAST, RECURRENT], ids=["complex", "phase"])
def test_single_precision_is_never_widened(settings):
    X, y = make_mixtures(8, dtype=np.float32)
    separator = AESeparator(**settings).fit(X, y)
    with SizesOfDtype(torch.float64, torch.complex128) as seen:
        estimates = separator.transform(X)
    assert estimates.dtype == np.float32
    assert seen.largest < X.size  # levels and the window, but nothing of all rows


def test_double_precision_is_transformed_in_double_and_inverted_in_single(monkeypatch):
    X, y = make_mixtures(8)
    separator = AESeparator(**RECURRENT).fit(X, y)
    taken = []
    forward, unit_level = STFTTransformer.forward, _base.scaled_to_unit_level
    monkeypatch.setattr(
        STFTTransformer,
        "forward",
        lambda self, x, dtype: taken.append(dtype) or forward(self, x, dtype),
    )
    monkeypatch.setattr(
        _base,
        "scaled_to_unit_level",
        lambda z: taken.append(z.dtype) or unit_level(z),
    )
    assert separator.transform(X).dtype == np.float64
    assert set(taken) == {torch.float64, torch.complex64}
    taken.clear()
    assert separator.transform(X.astype(np.float32)).dtype == np.float32
    assert set(taken) == {torch.float32, torch.complex64}


@pytest.mark.parametrize("hop_length", [1, 4, 7, 8, 11])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_estimates_of_the_identity_are_the_mixtures(hop_length, dtype):
    X, y = make_mixtures(9, n_times=61, dtype=dtype)
    X *= np.geomspace(1e-25, 1e25, 9, dtype=dtype)[:, np.newaxis]
    y *= np.geomspace(1e-25, 1e25, 9, dtype=dtype)[:, np.newaxis, np.newaxis]
    settings = FAST | IDENTITY | {"stft": STFTTransformer(16, hop_length)}
    estimates = AESeparator(**settings).fit(X, y).transform(X)
    largest = np.abs(X).max(axis=1)[:, np.newaxis, np.newaxis]
    assert (np.abs(estimates - X[:, np.newaxis]) <= 1e-6 * largest).all()


def test_quiet_frequencies_of_double_precision_are_not_lost():
    # a pure tone: all other frequencies are below the resolution of single precision
    tone = np.sin(2 * np.pi * np.arange(1024) / 16)[np.newaxis]
    y = np.stack([tone, 0.5 * tone], axis=1)
    separator = AESeparator(**RECURRENT).fit(y.sum(axis=1), y)
    seen = separator._unit_mixtures(tone, None)[0].abs()
    magnitudes = separator.domains_.mixtures_to_tensor(tone).abs()
    expected = (magnitudes / magnitudes.square().mean().sqrt()).float()
    assert expected.min() < 1e-8
    torch.testing.assert_close(seen, expected, rtol=1e-5, atol=0)


def test_traditional_separators_compute_in_double():
    X, y = make_mixtures(8)
    estimates = NMFSeparator(n_atoms=2, random_state=0).fit(X, y).transform(X)
    np.testing.assert_allclose(estimates.sum(axis=1), X, atol=1e-12)


# --- the same bits ------------------------------------------------------------------


@pytest.mark.parametrize("cls", [AESeparator, GANSeparator])
@pytest.mark.parametrize("output", ["direct", "mask", "ratio_mask", "affine"])
@pytest.mark.parametrize("n_channels", [None, 2])
@pytest.mark.parametrize("representation", ["complex", "phase-sensitive"])
def test_bits_depend_neither_on_the_batch_nor_on_the_place(
    cls, output, n_channels, representation, monkeypatch
):
    X, y = make_mixtures(11, n_times=61, n_channels=n_channels)
    network = BiLSTM(10, 2, output=output, compression=0.3)
    settings = RECURRENT | {"network": network, "representation": representation}
    separator = cls(**settings).fit(X, y)
    estimates = separator.transform(X)
    assert np.array_equal(separator.transform(X[::-1])[::-1], estimates)
    for rows in (slice(0, 1), slice(3, 5), slice(2, 9)):
        assert np.array_equal(separator.transform(X[rows]), estimates[rows])
    for n_rows in (1, 3, 11):
        monkeypatch.setattr(_base, "CHUNK_ROWS", n_rows)
        assert np.array_equal(separator.transform(X), estimates)
    for n_entries in (1, 3 * separator.domains_.n_entries):  # converted at a time
        monkeypatch.setattr(_base, "PART_ENTRIES", n_entries)
        assert np.array_equal(separator.transform(X), estimates)


def test_processors_without_avx2_double_a_single_sample(monkeypatch):
    lstm = recurrent.BatchInvariantLSTM(8, 4, batch_first=True, bidirectional=True)
    x = torch.randn(3, 5, 8)
    expected = lstm.eval()(x)
    monkeypatch.setattr(recurrent, "HAS_AVX2", False)
    assert torch.equal(lstm(x[1:2]), expected[1:2])
    assert torch.equal(lstm(x), expected)


def test_concatenation_keeps_the_memory_format():
    parts = torch.randn(3, 2, 7, 5).transpose(2, 3).split(1)  # frames are contiguous
    whole = concatenated(parts)
    assert torch.equal(whole, torch.cat(parts))
    assert whole.transpose(2, 3).is_contiguous()
    last = [part.contiguous(memory_format=torch.channels_last) for part in parts]
    whole = concatenated(last)
    assert torch.equal(whole, torch.cat(parts))
    assert whole.is_contiguous(memory_format=torch.channels_last)


def test_samples_by_themselves_are_the_batch():
    x, y = torch.randn(2, 5, 3, 7, 4).unbind()
    assert torch.equal(by_sample(torch.mul, x, y), x * y)
    assert torch.equal(by_sample(torch.mul, x[:1], y[:1]), x[:1] * y[:1])
