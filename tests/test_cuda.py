"""Separators on a GPU, and on a second device that the CPU stands in for.

Tests of the fixture ``device`` run with the device "second" everywhere, and with CUDA
where it is available. ``benchmarks/gpu.sh`` names the device of the latter in
``SKLEARN_CASS_TEST_DEVICE``; on "cpu", they show that the tests themselves are right.
"""

import os
import pickle
import warnings
from contextlib import nullcontext
from importlib import import_module

import numpy as np
import pytest
import torch
from cases import make_mixtures
from second_device import NAME, SecondDevice
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, GradientNormClipping

from sklearn_cass import (
    AESeparator,
    BaseSeparator,
    BiLSTM,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    Modules,
    NMFSeparator,
    RegularCASSSeparator,
    Remix,
    ResNet9,
    STFTTransformer,
    load,
)
from sklearn_cass.data import dataset
from sklearn_cass.training import CASSNet, Muon, graphs
from sklearn_cass.training.parameters import use_bfloat16

DEVICE = os.environ.get("SKLEARN_CASS_TEST_DEVICE", "cuda")
IS_CUDA = DEVICE.startswith("cuda")
# torch takes the tensors of the second device for those without values
pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
needs_device = pytest.mark.skipif(
    IS_CUDA and not torch.cuda.is_available(), reason="needs CUDA"
)
GPU = pytest.param(DEVICE, marks=needs_device, id="gpu")


class SmallEncoder(torch.nn.Conv2d):
    """An encoder of one layer, with dropout if so set."""

    def __init__(self, in_channels, n_freqs, dropout=0.0):
        super().__init__(in_channels, 4, 3, padding=1)
        self.dropout = dropout

    def forward(self, x):
        x = torch.nn.functional.dropout(x, self.dropout, self.training)
        return super().forward(x)


class SmallDecoder(torch.nn.Sequential):
    """The decoder of that encoder."""

    def __init__(self, out_channels, n_freqs):
        last = torch.nn.Conv2d(4, out_channels, 3, padding=1)
        super().__init__(torch.nn.BatchNorm2d(4), torch.nn.ReLU(), last)


class SmallDiscriminator(torch.nn.Conv2d):
    """A discriminator of one layer."""

    def __init__(self, in_channels, n_freqs):
        super().__init__(in_channels, 1, 3)

    def forward(self, x):
        return super().forward(x).tanh().mean((1, 2, 3))


CLASSES = (SmallEncoder, SmallDecoder, SmallDiscriminator)
SMALL = Modules(*CLASSES)
DROPOUT = clone(SMALL).set_params(encoder__dropout=0.2)
RESNET = ResNet9(n_filters=2, n_latent=4)
OF_PATCHES = clone(RESNET).set_params(
    discriminator_conditional=True, discriminator_local=True
)
OF_WAVEFORMS = clone(RESNET).set_params(
    discriminator_conditional=True, discriminator_waveform=True
)
SETTINGS = {
    "network": SMALL,
    "max_epochs": 2,
    "batch_size": 6,
    "precision": "float32",
    "random_state": 0,
}
REMIX = Remix(gain=(-6, 6), sign=True, shift=0.5, rate=(1, 2), noise="pink")
DATA = make_mixtures(12)
STFT = STFTTransformer(n_fft=16)


@pytest.fixture(params=[GPU, NAME])
def device(request, monkeypatch):
    """Name of a device that is not the CPU; see above."""
    if request.param != NAME:
        yield request.param
        return
    # fused optimizers do not know the second device, nor does torch.autocast
    optimizer = import_module("torch.optim.optimizer")
    devices = optimizer._get_fused_kernels_supported_devices()
    monkeypatch.setattr(
        optimizer, "_get_fused_kernels_supported_devices", lambda: [*devices, NAME]
    )
    monkeypatch.setattr(CASSNet, "mixed_precision", lambda self, like: nullcontext())
    with SecondDevice():
        yield NAME


def tolerance(device, of_training=True):
    """Return tolerances of comparisons with the CPU.

    On a GPU, training amplifies the rounding of other algorithms, and of TF32.
    """
    if device == NAME:
        return {"rtol": 0, "atol": 0}
    return {"rtol": 0.05, "atol": 1e-3} if of_training else {"rtol": 0, "atol": 0.01}


def losses_of(separator):
    """Return all losses of a training, (n_epochs, n_losses)."""
    numbered = [name for name in separator.history_[0] if name.endswith("_loss_0")]
    names = [name.removesuffix("_0") for name in numbered]
    assert "reconstruction_loss" in names
    losses = [np.array(separator.history_[:, name]) for name in names]
    return np.concatenate(losses, axis=1)


def assert_on(separator, device):
    """Check that networks are on the device."""
    for module in separator.net_.trained_modules().values():
        for name, tensor in module.state_dict().items():
            assert tensor.device.type == torch.device(device).type, name


def assert_same_fit(separator, other, X, device):
    """Check that two trainings have the same losses, and estimates where exact."""
    a, b = losses_of(separator), losses_of(other)
    np.testing.assert_allclose(a, b, **tolerance(device))
    if device == NAME:
        np.testing.assert_array_equal(separator.transform(X), other.transform(X))


# The same as on the CPU ---------------------------------------------------------------


def spectrograms():
    X, y = DATA
    return STFT.fit(X).transform(X), y


def partly_known():
    X, y = DATA
    y = y.copy()
    y[::3], y[1::3, 0] = np.nan, np.nan
    return X, y


def images():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(8, 2, 1, 9, 12))
    return y.sum(axis=1), y


CASES = {
    "ResNet9": (CASSSeparator, {"network": RESNET, "max_epochs": 1}, DATA),
    "AE": (AESeparator, {}, DATA),
    "regular": (RegularCASSSeparator, {}, DATA),
    "CASS": (CASSSeparator, {}, DATA),
    "GAN": (GANSeparator, {}, DATA),
    "sampled cross terms": (CASSSeparator, {}, make_mixtures(6, 5)),
    "conditional patches": (
        CASSSeparator,
        {"network": OF_PATCHES, "max_epochs": 1},
        DATA,
    ),
    "conditional waveforms": (
        CASSSeparator,
        {"network": OF_WAVEFORMS, "representation": "magnitude", "max_epochs": 1},
        DATA,
    ),
    "some cross weights": (CASSSeparator, {"cross_weights": [[0, 0.5], [0, 0]]}, DATA),
    "literal": (CASSSeparator, {"loss_weighting": "literal"}, DATA),
    "relative": (AESeparator, {"reconstruction_loss": "relative"}, DATA),
    "adam": (CASSSeparator, {"optimizer": "adam", "remix": 0.5}, DATA),
    "remixed waveforms": (
        AESeparator,
        {"remix": REMIX, "stft": False},
        DATA,
    ),
    "no remixing": (AESeparator, {"remix": 0.0, "lr_schedule": "constant"}, DATA),
    "clipped": (AESeparator, {"callbacks": [GradientNormClipping(0.1)]}, DATA),
    "early stopping": (AESeparator, {"early_stopping": True}, DATA),
    "affine": (
        AESeparator,
        {"network": clone(SMALL).set_params(output="affine", compression=0.5)},
        make_mixtures(6, 2, n_channels=2),
    ),
    "ratio mask": (
        GANSeparator,
        {"network": clone(SMALL).set_params(output="ratio_mask")},
        DATA,
    ),
    "magnitude": (AESeparator, {"representation": "magnitude"}, DATA),
    "phase-sensitive": (GANSeparator, {"representation": "phase-sensitive"}, DATA),
    "spectrograms": (AESeparator, {}, spectrograms()),
    "images": (AESeparator, {}, images()),
    "waveforms": (AESeparator, {"stft": False}, DATA),
    "unknown components": (CASSSeparator, {}, partly_known()),
}


@pytest.mark.parametrize("case", CASES)
def test_training_is_that_of_the_cpu(device, case):
    cls, settings, (X, y) = CASES[case]
    settings = SETTINGS | settings
    separator = cls(**settings, device=device).fit(X, y)
    assert_on(separator, device)
    assert_same_fit(separator, cls(**settings, device="cpu").fit(X, y), X, device)
    assert separator.transform(X).shape == y.shape


@needs_device
def test_mixed_waveforms_are_transformed_on_the_device():
    settings = SETTINGS | {"remix": REMIX}
    separator = AESeparator(**settings, device=DEVICE).fit(*DATA)
    expected = AESeparator(**settings, device="cpu").fit(*DATA)
    assert_same_fit(separator, expected, DATA[0], DEVICE)


@pytest.fixture
def fitted(device):
    """A separator trained on the device."""
    return CASSSeparator(**SETTINGS, device=device).fit(*DATA)


def on_cpu(separator, folder):
    """Return the separator on the CPU, by a file."""
    separator.set_params(device="cpu").save(folder / "separator")
    return load(folder / "separator", classes=CLASSES)


def test_estimates_are_those_of_the_same_weights_on_the_cpu(fitted, device, tmp_path):
    X, y = DATA
    other = on_cpu(fitted, tmp_path)
    assert_on(other, "cpu")
    close = {"rtol": 0, "atol": 1e-12 if device == NAME else 0.01}
    recording = X.ravel()[:150]
    blocks = np.array_split(recording, 4)
    for call, argument in [
        ("transform", X),
        ("transform", X.astype(np.float32)[:1]),
        ("separate", recording),
        ("discriminate", y),
    ]:
        found, expected = (getattr(s, call)(argument) for s in (fitted, other))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, **close)
    stream = np.concatenate(list(fitted.separate_stream(blocks)), axis=-1)
    np.testing.assert_array_equal(stream, fitted.separate(recording))
    assert fitted.score(X, y) == pytest.approx(other.score(X, y), abs=0.1)


def test_estimates_of_a_row_do_not_depend_on_the_others(fitted):
    X, _ = DATA
    np.testing.assert_array_equal(fitted.transform(X[:3]), fitted.transform(X)[:3])


# Recorded steps -----------------------------------------------------------------------

RECORDED = {
    "AE": (AESeparator, {}, 2),
    "regular": (RegularCASSSeparator, {"optimizer": "adam"}, 2),
    "CASS": (CASSSeparator, {}, 3),
    "GAN": (GANSeparator, {}, 2),
    "bf16": (CASSSeparator, {"precision": "bf16"}, 2),
    "frames in order": (CASSSeparator, {"network": BiLSTM(8)}, 2),
    "phase-sensitive": (
        AESeparator,
        {"network": BiLSTM(8), "representation": "phase-sensitive"},
        2,
    ),
    "drawn cross terms": (CASSSeparator, {}, 5),
    "conditional patches": (CASSSeparator, {"network": OF_PATCHES}, 2),
    "conditional waveforms": (CASSSeparator, {"network": OF_WAVEFORMS}, 2),
    "waveforms of magnitudes": (
        CASSSeparator,
        {"network": OF_WAVEFORMS, "representation": "magnitude"},
        2,
    ),
    "literal": (CASSSeparator, {"loss_weighting": "literal"}, 2),
    "loss in dB": (CASSSeparator, {"reconstruction_loss": "snr"}, 2),
    "a column of a discriminator": (
        CASSSeparator,
        {"cross_weights": [[0, 1], [0, 0]]},
        2,
    ),
}


@pytest.fixture
def recordings(monkeypatch):
    """Steps that a training records, and that it replays."""
    counts = {"record": 0, "replay": 0}

    def counted(name):
        method = getattr(graphs.CudaGraph, name)

        def call(*args):
            counts[name] += 1
            return method(*args)

        return call

    for name in counts:
        monkeypatch.setattr(graphs.CudaGraph, name, counted(name))
    return counts


@needs_device
@pytest.mark.skipif(not IS_CUDA, reason="only CUDA records steps")
@pytest.mark.parametrize("case", RECORDED)
def test_recorded_steps_train_alike(case, recordings, monkeypatch):
    cls, settings, n_components = RECORDED[case]
    # five batches of four rows and one of two; the latter is recorded at the end
    X, y = make_mixtures(22, n_components)
    settings = SETTINGS | {"network": RESNET, "device": DEVICE} | settings
    settings |= {"max_epochs": 5, "batch_size": 4}
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    recorded = cls(**settings).fit(X, y)
    assert recordings == {"record": 2, "replay": 5 * 6 - 2 * graphs.N_WARM_UP}
    monkeypatch.setattr(CASSNet, "new_graphs", lambda net: None)
    expected = cls(**settings).fit(X, y)
    np.testing.assert_allclose(
        losses_of(recorded), losses_of(expected), rtol=0.02, atol=1e-4
    )


@needs_device
@pytest.mark.skipif(not IS_CUDA, reason="only CUDA records steps")
def test_recorded_steps_follow_learning_rates_and_settings(recordings):
    rates = []

    class Annealing(Callback):
        def on_epoch_begin(self, net, **kwargs):
            net.beta = 0.1 * (len(net.history) > 3)

        def on_epoch_end(self, net, **kwargs):
            rates.append(
                [g["lr"] for o, _ in net.learning_rates() for g in o.param_groups]
            )

    settings = SETTINGS | {
        "network": RESNET,
        "max_epochs": 6,
        "callbacks": [Annealing()],
    }
    CASSSeparator(**settings, device=DEVICE).fit(*make_mixtures(24))
    assert recordings == {"record": 2, "replay": 6 * 4 - 2 * graphs.N_WARM_UP}
    assert all(isinstance(rate, float) for row in rates for rate in row)


@needs_device
@pytest.mark.skipif(not IS_CUDA, reason="only CUDA records steps")
def test_training_goes_on_after_a_recording_that_failed(monkeypatch):
    settings = SETTINGS | {"network": RESNET, "max_epochs": 4, "device": DEVICE}
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    expected = CASSSeparator(**settings).fit(*DATA)
    step = CASSNet.autoencoder_step

    def impossible(net, *args):
        losses = step(net, *args)
        losses["reconstruction_loss"].tolist()  # waits for the GPU
        return losses

    monkeypatch.setattr(CASSNet, "autoencoder_step", impossible)
    with pytest.warns(UserWarning, match="could not be recorded"):
        separator = CASSSeparator(**settings).fit(*DATA)
    np.testing.assert_allclose(losses_of(separator), losses_of(expected), rtol=0.02)
    drawing = SETTINGS | {"network": DROPOUT, "device": DEVICE}
    CASSSeparator(**drawing).fit(*DATA)


@needs_device
@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_recorded_training_is_resumed(optimizer, tmp_path):
    settings = SETTINGS | {"max_epochs": 6, "optimizer": optimizer, "network": RESNET}
    settings |= {"early_stopping": True, "device": DEVICE}
    data = make_mixtures(24)
    whole = CASSSeparator(**settings).fit(*data)
    settings["checkpoint"] = tmp_path
    with pytest.raises(CutOffError):
        CASSSeparator(**settings, callbacks=[CutOff()]).fit(*data)
    resumed = CASSSeparator(**settings).fit(*data)
    assert_same_fit(resumed, whole, data[0], DEVICE)


# Copies, files, checkpoints -----------------------------------------------------------


def test_saved_separators_are_loaded_onto_their_device(fitted, device, tmp_path):
    fitted.save(tmp_path / "separator")
    loaded = load(tmp_path / "separator", classes=CLASSES)
    assert_on(loaded, device)
    np.testing.assert_array_equal(loaded.transform(DATA[0]), fitted.transform(DATA[0]))


@needs_device
def test_separators_of_a_missing_device_are_loaded_onto_the_cpu(tmp_path, monkeypatch):
    separator = CASSSeparator(**SETTINGS, device=DEVICE).fit(*DATA)
    separator.save(tmp_path / "separator")
    module = import_module("sklearn_cass.persistence.load")
    monkeypatch.setattr(module, "check_device", only_the_cpu)
    expected = nullcontext()
    if DEVICE != "cpu":
        expected = pytest.warns(UserWarning, match="loaded onto the CPU")
    with expected:
        loaded = load(tmp_path / "separator", classes=CLASSES)
    assert_on(loaded, "cpu")
    np.testing.assert_allclose(
        loaded.transform(DATA[0]), separator.transform(DATA[0]), atol=0.01
    )


def only_the_cpu(device):
    if device == "cpu":
        return torch.device("cpu")
    raise ValueError(f"device={device!r} is not available")


@needs_device
def test_pickled_separators_separate_alike():
    separator = CASSSeparator(**SETTINGS, device=DEVICE).fit(*DATA)
    other = pickle.loads(pickle.dumps(separator))
    assert_on(other, DEVICE)
    np.testing.assert_array_equal(
        other.transform(DATA[0]), separator.transform(DATA[0])
    )


class CutOffError(Exception):
    """Ends a training."""


class CutOff(Callback):
    """Cut off the training in its third epoch."""

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 3:
            raise CutOffError


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_resumed_training_is_that_without_a_break(device, optimizer, tmp_path):
    settings = SETTINGS | {"max_epochs": 4, "optimizer": optimizer}
    settings |= {"network": DROPOUT, "early_stopping": True, "device": device}
    whole = CASSSeparator(**settings).fit(*DATA)
    settings["checkpoint"] = tmp_path
    with pytest.raises(CutOffError):
        CASSSeparator(**settings, callbacks=[CutOff()]).fit(*DATA)
    resumed = CASSSeparator(**settings).fit(*DATA)
    assert resumed.n_iter_ == 4
    assert_on(resumed, device)
    assert_same_fit(resumed, whole, DATA[0], device)


def test_warm_start_continues_on_the_device(fitted, device):
    first = losses_of(fitted)
    fitted.set_params(warm_start=True, lr_schedule="constant").fit(*DATA)
    assert_on(fitted, device)
    losses = losses_of(fitted)
    np.testing.assert_array_equal(losses[:2], first)
    assert len(losses) == 4
    assert np.isfinite(losses).all()


def test_warm_start_continues_on_another_device(fitted, device):
    for name in ("cpu", device):
        fitted.set_params(warm_start=True, device=name).fit(*DATA)
        assert_on(fitted, name)
        assert np.isfinite(losses_of(fitted)).all()
    assert fitted.n_iter_ == 6


def test_warm_start_continues_after_loading(fitted, device, tmp_path):
    fitted.save(tmp_path / "separator")
    loaded = load(tmp_path / "separator", classes=CLASSES)
    assert_on(loaded.set_params(warm_start=True).fit(*DATA), device)
    assert loaded.n_iter_ == 4


# Memory, precision, generators, messages ----------------------------------------------


@pytest.mark.parametrize("are_kept", [True, False])
def test_waveforms_are_transformed_on_the_device(device, are_kept, monkeypatch):
    X, y = DATA
    devices = set()

    def noted(method):
        def note(self, tensor, *args):
            devices.add(tensor.device.type)
            return method(self, tensor, *args)

        return note

    for name in ("forward", "inverse", "inverse_in_single"):
        monkeypatch.setattr(
            STFTTransformer, name, noted(getattr(STFTTransformer, name))
        )
    monkeypatch.setattr(dataset, "cache_bytes", lambda _: 1e9 * are_kept)
    monkeypatch.setattr(BaseSeparator, "_warn_of_estimates", lambda *_: None)
    separator = AESeparator(**SETTINGS, validation_fraction=0.3, device=device)
    separator.fit(X, y).transform(X)
    separator.separate(X.ravel())
    assert devices == {torch.device(device).type}


def test_samples_that_are_not_kept_train_alike(device, monkeypatch):
    kept = AESeparator(**SETTINGS, device=device).fit(*DATA)
    monkeypatch.setattr(dataset, "cache_bytes", lambda device: 0)
    separator = AESeparator(**SETTINGS, device=device).fit(*DATA)
    assert_same_fit(separator, kept, DATA[0], device)


@needs_device
def test_bfloat16_trains_nearly_the_same():
    settings = SETTINGS | {"network": ResNet9(), "max_epochs": 6, "device": DEVICE}
    full = AESeparator(**settings).fit(*DATA)
    settings["precision"] = "bf16"
    low = AESeparator(**settings).fit(*DATA)
    assert low.net_.autocast
    np.testing.assert_allclose(losses_of(low), losses_of(full), rtol=0.1)
    for module in low.net_.trained_modules().values():
        for tensor in module.state_dict().values():
            assert tensor.dtype != torch.bfloat16


@needs_device
def test_automatic_precision_is_that_of_the_hardware():
    separator = AESeparator(**SETTINGS | {"precision": "auto"}, device=DEVICE)
    if IS_CUDA:
        has_units = torch.cuda.get_device_capability(DEVICE) >= (8, 0)
        assert separator.fit(*DATA).net_.autocast == has_units


def test_automatic_precision_needs_matrix_units(monkeypatch):
    # older GPUs emulate bfloat16, which is slower than float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *args, **kwargs: True)
    for capability in ((7, 5), (8, 0), (9, 0)):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda device, c=capability: c
        )
        has_units = capability >= (8, 0)
        assert use_bfloat16("auto", torch.device("cuda")) == has_units


class RecordingMuon(Muon):
    """Record whether matrix products of the steps are in bfloat16."""

    autocast = set()

    def step(self, closure=None):
        a = self.param_groups[0]["params"][0].new_ones(2, 2)
        self.autocast.add((a @ a).dtype)
        return super().step(closure)


@pytest.mark.parametrize("name", ["cpu", GPU])
def test_optimizers_compute_in_float32(name):
    # the orthogonalization of Muon diverges in bfloat16
    settings = SETTINGS | {"precision": "bf16", "optimizer": RecordingMuon}
    RecordingMuon.autocast.clear()
    CASSSeparator(**settings, device=name).fit(*DATA)
    assert RecordingMuon.autocast == {torch.float32}


def test_default_device_of_torch_does_not_matter(device):
    expected = CASSSeparator(**SETTINGS, device=device).fit(*DATA)
    for name in (device, "cpu"):
        with torch.device(device):
            separator = CASSSeparator(**SETTINGS, device=name).fit(*DATA)
            estimates = separator.transform(DATA[0])
        assert_on(separator, name)
        assert_same_fit(separator, expected, DATA[0], device)
        assert estimates.shape == DATA[1].shape


def random_states():
    """Return the states of the generators that a user may have seeded."""
    states = [torch.get_rng_state()]
    if IS_CUDA and torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state(DEVICE))
    return [state.tolist() for state in states]


def test_global_generators_are_restored(device):
    before = random_states()
    settings = SETTINGS | {"network": DROPOUT}
    separator = CASSSeparator(**settings, device=device).fit(*DATA)
    separator.transform(DATA[0])
    assert random_states() == before


def test_networks_that_draw_numbers_are_reproducible(device):
    settings = SETTINGS | {"network": DROPOUT, "device": device}
    a, b = (CASSSeparator(**settings).fit(*DATA) for _ in range(2))
    assert_same_fit(a, b, DATA[0], device)


def test_diverging_training_keeps_finite_weights(device):
    settings = SETTINGS | {"lr": 1e30, "device": device}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        separator = AESeparator(**settings).fit(*DATA)
    assert_on(separator, device)
    assert np.isfinite(separator.transform(DATA[0])).all()


class Greedy(SmallEncoder):
    """An encoder that takes memory, perhaps more than the device has."""

    def __init__(self, in_channels, n_freqs, n_bytes):
        super().__init__(in_channels, n_freqs)
        self.n_bytes = n_bytes

    def forward(self, x):
        if self.training:
            torch.empty(self.n_bytes, dtype=torch.uint8, device=x.device)
        return super().forward(x)


@needs_device
def test_running_out_of_memory_names_the_remedies():
    network = Modules(Greedy, SmallDecoder, encoder__n_bytes=2**50)
    separator = AESeparator(**SETTINGS | {"network": network}, device=DEVICE)
    with pytest.raises(MemoryError, match="out of memory.*batch_size=6"):
        separator.fit(*DATA)
    assert not hasattr(separator, "net_")
    separator.set_params(network__encoder__n_bytes=8).fit(*DATA)


class Raising(SmallEncoder):
    """An encoder that fails in training."""

    def __init__(self, in_channels, n_freqs, message):
        super().__init__(in_channels, n_freqs)
        self.message = message

    def forward(self, x):
        if self.training:
            raise RuntimeError(self.message)
        return super().forward(x)


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_all_messages_of_missing_memory_are_known(message):
    network = Modules(Raising, SmallDecoder, encoder__message=message)
    separator = AESeparator(**SETTINGS | {"network": network}, device="cpu")
    with pytest.raises(MemoryError, match="batch_size=6"):
        separator.fit(*DATA)


@pytest.mark.parametrize("name", ["cuda:99", "cuda:x", "meta"])
def test_devices_that_are_not_available_are_named(name):
    separator = AESeparator(**SETTINGS, device=name)
    with pytest.raises(ValueError, match=f"device='{name}' is not available"):
        separator.fit(*DATA)


@needs_device
@pytest.mark.parametrize("kind", ["auto", "cuda", "cuda:0", torch.device])
def test_devices_have_several_names(kind):
    name = torch.device(DEVICE) if kind is torch.device else kind
    if not IS_CUDA:
        name = "cpu"
    separator = AESeparator(**SETTINGS, device=name).fit(*DATA)
    assert_on(separator, "cuda" if IS_CUDA else "cpu")


@needs_device
def test_grid_search_in_one_process():
    separator = CASSSeparator(**SETTINGS, device=DEVICE)
    search = GridSearchCV(separator, {"beta": [0.01, 0.1]}, cv=2, error_score="raise")
    search.fit(*DATA)
    assert_on(search.best_estimator_, DEVICE)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@needs_device
def test_separators_without_networks_stay_on_the_cpu():
    AESeparator(**SETTINGS, device=DEVICE).fit(*DATA)
    for cls in (NMFSeparator, ICASeparator):
        X, y = make_mixtures(12, 2, n_channels=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimates = cls(random_state=0).fit(X, y).transform(X)
        assert np.isfinite(estimates).all()
