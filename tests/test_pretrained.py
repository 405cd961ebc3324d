"""Separators that ship: names, files, cards, and that they separate."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sklearn_cass
from benchmarks import pretrain
from benchmarks import pretrained_card as cards
from sklearn_cass import FilterTransformer, pretrained, pretrained_card
from sklearn_cass.datasets import make_ecg_mixtures, make_ppg_mixtures
from sklearn_cass.metrics import sdr
from sklearn_cass.models import DESCRIPTIONS, model_file

ROOT = Path(__file__).parents[1]
NAMES = sorted(DESCRIPTIONS)
MAX_BYTES = 2_000_000
SFREQ = {"fetal-ecg": 300, "ppg-respiration": 50}
SECONDS = {"fetal-ecg": 30, "ppg-respiration": 192}


def generated(name, n_samples=3):
    """Return mixtures that no separator was trained on, at a rate of their own."""
    sizes = {"sfreq": SFREQ[name], "n_times": SFREQ[name] * SECONDS[name]}
    if name == "ppg-respiration":
        settings = {"windows_per_subject": 1}
        return make_ppg_mixtures(n_samples, random_state=7, **sizes, **settings)
    settings = {"windows_per_trace": 1, "leads": "random", "magnitude_ratio": (2, 4)}
    settings |= {"noise": "pink", "noise_db": (-30, -25)}
    return make_ecg_mixtures(n_samples, random_state=7, **sizes, **settings)


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def separator(name):
    return pretrained(name)


@pytest.mark.parametrize("function", [pretrained, pretrained_card])
@pytest.mark.parametrize("wrong", ["fetal", "", None, "../fetal-ecg"])
def test_an_unknown_name_is_an_error_that_lists_the_names(function, wrong):
    with pytest.raises(ValueError, match="name must be one of") as error:
        function(wrong)
    assert all(repr(name) in str(error.value) for name in NAMES)
    assert repr(wrong) in str(error.value)


def test_every_file_has_a_name_and_a_card():
    folder = Path(sklearn_cass.models.__file__).parent
    assert sorted(path.stem for path in folder.glob("*.safetensors")) == NAMES
    assert sorted(path.stem for path in folder.glob("*.md")) == NAMES


def test_files_and_cards_are_in_the_wheel(name):
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    patterns = settings["setuptools"]["package-data"]["sklearn_cass.models"]
    file = model_file(name)
    for path in (file, file.with_suffix(".md")):
        assert any(path.match(pattern) for pattern in patterns)


def test_files_are_small(name):
    assert model_file(name).stat().st_size <= MAX_BYTES


def test_each_call_returns_a_separator_of_its_own(name, separator):
    other = pretrained(name)
    assert other is not separator
    assert other.net_ is not separator.net_


def test_rate_filter_and_components_are_known(name, separator):
    assert separator.sfreq_ and separator.filter_ is not None
    assert len(separator.component_names_) == 2
    assert separator.checkpoint is None and separator.verbose == 0


@pytest.mark.filterwarnings("error")
def test_generated_recordings_are_separated(name, separator):
    rows = generated(name)
    recorded = rows.data + 5  # an offset, which the filter removes
    estimates = np.stack([separator.separate(x, sfreq=rows.sfreq) for x in recorded])
    assert estimates.shape == rows.target.shape
    settings = separator.filter_.get_params() | {"sfreq": rows.sfreq}
    flat = rows.target.reshape(-1, rows.target.shape[-1])
    target = FilterTransformer(**settings).fit_transform(flat).reshape(estimates.shape)
    mixture = np.broadcast_to(target.sum(axis=1, keepdims=True), target.shape)
    gain = sdr(target, estimates) - sdr(target, mixture)
    assert (np.median(gain, axis=0) > 5).all()


def test_estimates_scale_with_the_recording(name, separator):
    x = generated(name, 1).data[0][: 10 * SFREQ[name]]
    one = separator.separate(x, sfreq=SFREQ[name])
    large = separator.separate(1024 * x, sfreq=SFREQ[name])
    np.testing.assert_allclose(large, 1024 * one, rtol=1e-4, atol=1e-3)


# --- cards ----------------------------------------------------------------------------


def test_cards_tell_what_a_user_must_know(name):
    card = pretrained_card(name)
    for title in ("Trained on", "Measured on", "Where it fails", "Made by"):
        assert f"\n## {title}\n" in card
    for words in ("recording of anybody", "no medical device", "seed", "commit"):
        assert re.search(words.replace(" ", r"\s+"), card)
    assert f"python -m benchmarks.pretrain {name}" in card


def test_cards_are_of_the_files(name):
    digest = hashlib.sha256(model_file(name).read_bytes()).hexdigest()
    assert digest in pretrained_card(name)


def test_example_of_the_card_runs(name, separator):
    (code,) = re.findall(r"```python\n(.*?)```", pretrained_card(name), re.DOTALL)
    names = {}
    exec(code, names)
    for component in separator.component_names_:
        assert names[component].shape == names["recording"].shape


def test_page_holds_the_cards(name):
    page = (ROOT / "docs" / "pretrained.md").read_text("utf-8")
    assert re.sub("^#", "##", pretrained_card(name), flags=re.MULTILINE) in page


# --- how they are made ----------------------------------------------------------------


def test_files_are_of_the_recipes(name, separator):
    recipe = pretrain.RECIPES[name]
    made, found = recipe.separator().get_params(), separator.get_params()
    differing = {k for k in made if str(made[k]) != str(found[k])}
    assert differing <= {"verbose"}
    settings = separator.filter_.get_params()
    assert settings == FilterTransformer(**recipe.filter).get_params() | {
        "sfreq": recipe.rows["sfreq"]
    }
    assert separator.n_features_in_ == recipe.rows["n_times"]


def test_recipes_are_fitted_to_generated_rows(name, monkeypatch):
    recipe = replace(pretrain.RECIPES[name], max_epochs=1)
    monkeypatch.setitem(pretrain.RECIPES, name, recipe)
    monkeypatch.setitem(pretrain.N_SAMPLES, name, 8)
    monkeypatch.setitem(pretrain.NETWORK, "n_filters", 2)
    monkeypatch.setitem(pretrain.NETWORK, "n_latent", 4)
    one, other = (pretrain.trained(name) for _ in range(2))
    rows = recipe.data(2, seed=1)
    assert list(one.component_names_) == rows.component_names
    np.testing.assert_array_equal(one.transform(rows.data), other.transform(rows.data))


def test_drifts_are_slower_than_breathing():
    rng = np.random.default_rng(0)
    rows = pretrain.drifts(20, 4096, 12.5, rng)
    power = np.abs(np.fft.rfft(rows)) ** 2
    frequency = np.fft.rfftfreq(4096, 1 / 12.5)
    slow = frequency < 2 * pretrain.SLOWEST_BREATHING
    assert (power[:, slow].sum(axis=1) > 0.999 * power.sum(axis=1)).all()
    assert np.abs(rows.mean(axis=1)).max() < 1e-9


def test_errors_of_breaths_are_those_against_the_true_respiration():
    pytest.importorskip("neurokit2")
    irregular = {"breath_variability": (0.3, 0.3), "breaths_per_minute": (14, 16)}
    sizes = {"n_times": 800, "sfreq": 12.5, "random_state": 0}
    rows = make_ppg_mixtures(6, **sizes, **irregular)
    true = rows.target[:, 1]
    assert (cards.breath_errors(rows, true, 12.5) == 0).all()
    times = np.arange(800) / 12.5
    faster = np.broadcast_to(np.sin(2 * np.pi * 0.5 * times), true.shape)
    errors = cards.breath_errors(rows, faster, 12.5)
    assert ((errors > 10) & (errors < 20)).all()
