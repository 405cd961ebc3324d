"""Filters: of waveforms, and as part of what a separator learns and saves."""

import pickle
from itertools import count

import numpy as np
import pytest
from cases import FAST, TINY, equal_states, make_mixtures, states
from crafted_files import rewrite
from scipy.signal import sosfreqz
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    FilterTransformer,
    ICASeparator,
    NMFSeparator,
    STFTTransformer,
    load,
)

pytestmark = [
    pytest.mark.usefixtures("generators_stand_still"),
    pytest.mark.filterwarnings("ignore:FastICA did not converge"),
]

SFREQ = 250
KINDS = {
    "band": {"band": (0.5, 40)},
    "highpass": {"band": (0.5, None)},
    "lowpass": {"band": (None, 40)},
    "notch": {"notch": 50},
    "median": {"median": (0.2, 0.6)},
    "all": {"band": (0.5, 40), "notch": 50, "median": 0.6},
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def fitted(sfreq=SFREQ, **params):
    return FilterTransformer(sfreq=sfreq, **params).fit(np.zeros((1, 8)))


def walk(n_times, n_rows=1):
    steps = np.random.default_rng(0).normal(size=(n_rows, n_times))
    return 100 + steps.cumsum(axis=-1)


def tone(frequency, n_times=5000):
    return np.cos(2 * np.pi * frequency * np.arange(n_times) / SFREQ)


def gain(filter, frequency):
    """Return the factor by which a filter changes a tone, away from its ends."""
    middle = slice(2000, 3000)
    x = tone(frequency)
    found = filter.filtered(x)[middle]
    return np.linalg.norm(found) / np.linalg.norm(x[middle])


# --- waveforms ------------------------------------------------------------------------


def test_tones_inside_the_band_pass_and_others_do_not():
    filter = fitted(band=(5, 40))
    assert gain(filter, 0) < 1e-9
    assert gain(filter, 0.5) < 2e-4
    assert gain(filter, 5) == pytest.approx(0.5, abs=0.01)
    assert gain(filter, 14) == pytest.approx(1, abs=0.03)
    assert gain(filter, 40) == pytest.approx(0.5, abs=0.01)
    assert gain(filter, 115) < 2e-3


def test_mains_are_rejected_with_their_harmonics():
    filter = fitted(notch=30)
    for frequency in (30, 60, 90, 120):
        assert gain(filter, frequency) < 1e-6
    for frequency in (25, 45, 75, 100):
        assert gain(filter, frequency) > 0.97
    assert len(fitted(notch=30, band=(None, 70)).sos_) == 3  # no harmonic above 70 Hz


@each_kind
def test_nothing_is_shifted_in_time(kind):
    filter = fitted(**KINDS[kind])
    x = np.zeros(6001)
    x[3000] = 1.0
    found = filter.filtered(x)
    assert np.allclose(found, found[::-1], atol=1e-7)
    assert np.argmax(found) == 3000


@each_kind
def test_filters_keep_units_and_polarity(kind):
    filter, x = fitted(**KINDS[kind]), walk(3000, 2)
    found = filter.filtered(x)
    scaled = filter.filtered(1e3 * x)
    np.testing.assert_allclose(scaled, 1e3 * found, atol=1e-6, rtol=0)
    assert np.array_equal(filter.filtered(-x), -found)
    if filter.median is None:  # it is linear
        both = filter.filtered(x[0] + x[1])
        np.testing.assert_allclose(both, found[0] + found[1], atol=1e-8, rtol=0)


@each_kind
@pytest.mark.parametrize("n_times", [1, 2, 3, 30, 501])
def test_waveforms_of_any_length(kind, n_times):
    filter, x = fitted(**KINDS[kind]), walk(n_times).astype(np.float32)
    found = filter.filtered(x)
    assert (found.shape, found.dtype) == (x.shape, np.float32)
    assert np.isfinite(found).all()


def test_the_median_removes_a_baseline_and_keeps_beats():
    beats = np.zeros(5000)
    for start in range(100, 4900, 200):
        beats[start : start + 20] = np.hanning(20)
    wander = 3 * np.sin(2 * np.pi * 0.1 * np.arange(5000) / SFREQ)
    found = fitted(median=(0.2, 0.6)).filtered(beats + wander)
    assert np.abs(found - beats)[100:-100].max() < 0.2
    assert np.abs(wander).max() > 2.9


def test_rows_and_channels_are_filtered_one_by_one():
    x = walk(700, 6)
    filter = clone(fitted(**KINDS["all"]))
    found = filter.fit_transform(x.reshape(3, 2, 700))
    for row, expected in zip(found.reshape(6, 700), x, strict=True):
        assert np.array_equal(row, filter.filtered(expected))


@each_kind
def test_blocks_have_the_same_bits_whatever_they_are(kind):
    filter, x = fitted(**KINDS[kind]), walk(9000)
    whole = np.concatenate(list(filter.filtered_blocks([x])), axis=-1)
    for size in (1, 300, 4000):
        blocks = np.split(x, range(size, 9000, size), axis=-1)
        found = np.concatenate(list(filter.filtered_blocks(blocks)), axis=-1)
        assert np.array_equal(found, whole)
    expected = filter.filtered(x)
    np.testing.assert_allclose(whole, expected, atol=1e-6 * np.abs(x).max())


def test_blocks_are_read_as_they_are_needed():
    filter = fitted(**KINDS["all"])
    n_read = 0

    def endless():
        nonlocal n_read
        for k in count():
            n_read += 100
            yield tone(k, 100)

    n_filtered = 0
    for block in filter.filtered_blocks(endless()):
        n_filtered += block.shape[-1]
        assert n_read - n_filtered <= 2 * filter.n_margin_ + 1024 + 100
        if n_filtered > 20_000:
            break


def test_response_is_that_of_the_sections():
    filter = fitted(band=(0.5, 40), notch=50)
    frequencies = np.array([1.0, 10, 30, 60, 80])
    _, response = sosfreqz(filter.sos_, frequencies, fs=SFREQ)
    expected = np.abs(response) ** 2  # forwards and backwards
    found = [gain(filter, frequency) for frequency in frequencies]
    np.testing.assert_allclose(found, expected, atol=1e-6)


WRONG = {
    "no rate": ({"band": (1, 2), "sfreq": None}, "sfreq must be given"),
    "order": ({"band": (40, 0.5)}, r"band must be a pair \(low, high\)"),
    "equal": ({"band": (40, 40)}, "band must be a pair"),
    "half the rate": ({"band": (1, 125)}, "sfreq / 2 = 125"),
    "zero": ({"band": (0, 40)}, "band must be a pair"),
    "three": ({"band": (1, 2, 3)}, "band must be a pair"),
    "text": ({"band": ("1", "2")}, "band must be a pair"),
    "NaN": ({"band": (np.nan, 2)}, "band must be a pair"),
    "number": ({"band": 40}, "'band' parameter"),
    "mains": ({"notch": 125}, "notch must be below half of sfreq=250"),
    "many": ({"notch": 0.01}, "notch=0.01 Hz has .* harmonics"),
    "negative": ({"notch": -50}, "'notch' parameter"),
    "medians": ({"median": (0.2, 0)}, "median must be a positive number of seconds"),
    "long": ({"median": 1e9}, "median must have at most"),
    "slow": ({"band": (1e-7, None)}, "too low for sfreq=250 Hz"),
    "boolean": ({"notch": True}, "notch"),
}


@pytest.mark.parametrize(("params", "message"), WRONG.values(), ids=WRONG)
def test_filters_that_cannot_be_are_refused(params, message):
    with pytest.raises((TypeError, ValueError), match=message):
        FilterTransformer(**{"sfreq": SFREQ} | params).fit(np.zeros((1, 8)))


# --- separators -----------------------------------------------------------------------


X, Y = make_mixtures(8)
X, Y = X + 0.3, Y + 0.1
FILTER = FilterTransformer(band=(4, 60), notch=50)
SEPARATORS = {
    "ae": AESeparator(**TINY),
    "cass": CASSSeparator(**TINY),
    "nmf": NMFSeparator(n_atoms=2, max_iter=300, random_state=0),
    "ica": ICASeparator(random_state=0),
}
each = pytest.mark.parametrize("name", SEPARATORS)


def filtered(array):
    return clone(FILTER).set_params(sfreq=SFREQ).fit(X).filtered(array)


@pytest.fixture(scope="module")
def pairs():
    """Return separators with a filter, and of data that were filtered before."""
    return {
        name: (
            clone(separator).fit(X, Y, sfreq=SFREQ, filter=FILTER),
            clone(separator).fit(filtered(X), filtered(Y), sfreq=SFREQ),
        )
        for name, separator in SEPARATORS.items()
    }


@each
def test_a_filter_is_that_of_X_and_y(name, pairs):
    separator, plain = pairs[name]
    expected = plain.transform(filtered(X))
    assert np.array_equal(separator.transform(X), expected)
    assert np.array_equal(separator.predict(X), expected)
    assert separator.score(X, Y) == plain.score(filtered(X), filtered(Y))
    assert not np.allclose(plain.transform(X), expected)


@each
def test_recordings_are_filtered_as_a_whole(name, pairs):
    separator, plain = pairs[name]
    recording = walk(5000)[0]
    expected = plain.separate(filtered(recording))
    found = separator.separate(recording)
    # the level of a window magnifies what the blocks of a filter leave
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    blocks = np.split(recording, range(77, 5000, 77))
    stream = np.concatenate(list(separator.separate_stream(blocks)), axis=-1)
    assert np.array_equal(stream, found)


def test_recordings_are_resampled_before_they_are_filtered(pairs):
    separator, plain = pairs["ae"]
    times = np.arange(4000) / 1000
    slow = np.sin(2 * np.pi * 8 * times)
    mains = 0.5 * np.sin(2 * np.pi * 50 * times)
    found = separator.separate(slow + mains, sfreq=1000)
    expected = separator.separate(slow, sfreq=1000)
    middle = slice(1500, 2500)
    errors = (found - expected)[:, middle]
    assert np.abs(errors).max() < 0.02 * np.abs(expected[:, middle]).max()
    unfiltered = plain.separate(slow + mains, sfreq=1000) - expected
    assert np.abs(unfiltered[:, middle]).max() > 5 * np.abs(errors).max()


def test_gaps_are_ends_for_filters_too(pairs):
    separator, _ = pairs["ae"]
    recording = walk(3000)[0]
    recording[1000:1400] = np.nan
    found = separator.separate(recording)
    assert np.array_equal(found[:, :1000], separator.separate(recording[:1000]))
    assert np.array_equal(found[:, 1400:], separator.separate(recording[1400:]))


def test_discriminators_see_filtered_components(pairs):
    separator, plain = pairs["cass"]
    expected = plain.discriminate(filtered(Y), filtered(X))
    assert np.array_equal(separator.discriminate(Y, X), expected)
    expected = plain.discriminate(filtered(Y))
    assert np.array_equal(separator.discriminate(Y), expected)


def test_isolated_recordings_are_filtered():
    isolated, labels = Y.reshape(-1, Y.shape[-1]), np.tile([0, 1], len(Y))
    separator = AESeparator(**TINY)
    found = clone(separator).fit(isolated, labels, sfreq=SFREQ, filter=FILTER)
    expected = clone(separator).fit(filtered(isolated), labels)
    assert all(map(equal_states, states(found), states(expected)))
    assert found.score(isolated, labels) == expected.score(filtered(isolated), labels)


def test_validation_and_choices_see_filtered_data():
    settings = FAST | {"validation_fraction": 0.25}
    found = AESeparator(**settings).fit(X, Y, sfreq=SFREQ, filter=FILTER)
    expected = AESeparator(**settings).fit(filtered(X), filtered(Y))
    name = "valid_relative_error"
    assert found.history_[:, name] == expected.history_[:, name]


@each
def test_filters_are_saved(name, pairs, tmp_path):
    separator, _ = pairs[name]
    separator.save(tmp_path / "a")
    network = TINY["network"]
    classes = [network.encoder, network.decoder, network.discriminator]
    loaded = load(tmp_path / "a", classes=classes)
    for other in (loaded, pickle.loads(pickle.dumps(separator))):
        assert other.filter_.get_params() == separator.filter_.get_params()
        assert (other.filter_.sfreq, other.filter_.n_margin_) == (
            SFREQ,
            separator.filter_.n_margin_,
        )
        assert np.array_equal(other.transform(X), separator.transform(X))
    loaded.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert clone(separator).filter_ is None
    assert FILTER.sfreq is None  # a copy is kept


def object_of(**params):
    reference = ["sklearn_cass.signals.filters", "FilterTransformer"]
    known = {"band": None, "notch": None, "median": None, "sfreq": SFREQ}
    pairs = [[name, value] for name, value in (known | params).items()]
    return {"object": [reference, {"dict": pairs}]}


CRAFTED = {
    "rate": (object_of(sfreq=100), "filter_: expected the rate sfreq_"),
    "no rate": (object_of(sfreq=None, notch=50), "sfreq must be given"),
    "many": (object_of(notch=1e-9), "harmonics"),
    "long": (object_of(median=1e300), "median must have at most"),
    "slow": (object_of(band={"tuple": [1e-300, None]}), "too low"),
    "number": (3, "expected a FilterTransformer"),
    "class": ({"object": [["os", "system"], {"dict": []}]}, "expected one of"),
}


@pytest.mark.parametrize(("content", "message"), CRAFTED.values(), ids=CRAFTED)
def test_crafted_filters_are_refused(content, message, pairs, tmp_path):
    path = tmp_path / "a"
    pairs["nmf"][0].save(path)
    rewrite(path, lambda ours: ours["learned"].update(filter_=content))
    with pytest.raises(ValueError, match=message):
        load(path)


def test_a_filter_has_the_rate_or_is_given_it():
    of_filter = clone(FILTER).set_params(sfreq=SFREQ)
    separator = AESeparator(**TINY)
    assert clone(separator).fit(X, Y, filter=of_filter).sfreq_ == SFREQ
    assert clone(separator).fit(X, Y, SFREQ, filter=of_filter).sfreq_ == SFREQ
    with pytest.raises(ValueError, match="sfreq=250 Hz, which differs from sfreq=128"):
        separator.fit(X, Y, sfreq=128, filter=of_filter)
    with pytest.raises(ValueError, match="sfreq must be given"):
        separator.fit(X, Y, filter=FILTER)
    with pytest.raises(TypeError, match="filter must be a FilterTransformer"):
        separator.fit(X, Y, sfreq=SFREQ, filter=(0.5, 40))
    assert not [name for name in vars(separator) if name.endswith("_")]


def test_spectrograms_and_images_have_no_filter():
    Z = STFTTransformer(n_fft=8).fit_transform(X)
    for other, y in ((Z, Y), (np.ones((8, 1, 4, 4)), np.ones((8, 2, 1, 4, 4)))):
        with pytest.raises(ValueError, match="filter is for waveforms .* but X holds"):
            AESeparator(**TINY).fit(other, y, sfreq=SFREQ, filter=FILTER)


def test_a_continued_training_keeps_its_filter():
    separator = AESeparator(**TINY, warm_start=True)
    separator.fit(X, Y, sfreq=SFREQ, filter=FILTER).fit(X, Y)
    assert separator.filter_.band == (4, 60)
    separator.fit(X, Y, filter=FILTER)
    with pytest.raises(ValueError, match="warm_start=True continues with filter="):
        separator.fit(X, Y, filter=FilterTransformer(band=(4, 50)))
    assert (separator.filter_.band, separator.n_iter_) == ((4, 60), 3)


def test_another_filter_is_another_training(tmp_path):
    def fit(band):
        separator = AESeparator(**TINY, checkpoint=tmp_path)
        return separator.fit(X, Y, SFREQ, filter=FilterTransformer(band=band))

    first, again, other = fit((4, 60)), fit((4, 60)), fit((8, 60))
    assert all(map(equal_states, states(first), states(again)))
    assert not all(map(equal_states, states(first), states(other)))
    assert len(list(tmp_path.glob("*/checkpoint.safetensors"))) == 2


def test_searches_pass_a_filter_on():
    search = GridSearchCV(AESeparator(**TINY), {"lr": [1e-3, 1e-2]}, cv=2)
    search.fit(X, Y, sfreq=SFREQ, filter=FILTER)
    assert search.best_estimator_.filter_.sfreq == SFREQ


def test_separators_with_a_filter_are_not_exported(pairs, tmp_path):
    with pytest.raises(ValueError, match="with filter=FilterTransformer.* exported"):
        pairs["ae"][0].export(tmp_path / "a.pt2", format="torch")
