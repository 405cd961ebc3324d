"""Reports: their numbers, their table, and the page that they write."""

import base64
import html
import http.server
import io
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import types
import warnings
import wave
from functools import partial

import numpy as np
import pytest
import torch
from cases import make_mixtures
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_cass import (
    ICASeparator,
    NMFSeparator,
    Spectrogram,
    STFTTransformer,
    metrics,
)
from sklearn_cass.report import _evaluation, _metrics, _statistics, separation_report
from sklearn_cass.report._audio import data_uri
from sklearn_cass.report._figures import N_POINTS, envelope
from sklearn_cass.report._text import aligned

pytest.importorskip("jinja2")
pytest.importorskip("plotly")
pytest.importorskip("fast_bss_eval")


class Known(BaseEstimator):
    """Estimator that returns known estimates for the mixtures it was fitted on."""

    def __init__(self, names=None):
        self.names = names

    def fit(self, X, estimates):
        self.table_ = {x.tobytes(): y for x, y in zip(X, estimates, strict=True)}
        if self.names:
            self.component_names_ = self.names
        return self

    def predict(self, X):
        return np.stack([self.table_[x.tobytes()] for x in np.asarray(X)])


@pytest.fixture(scope="module")
def data():
    X, y = make_mixtures(n_samples=20)
    return y.sum(axis=1), y


@pytest.fixture(scope="module")
def nmf(data):
    return NMFSeparator(n_atoms=2, random_state=0).fit(*data)


def noisy(data, level=0.3, **settings):
    """Return an estimator whose estimates are the truth and noise."""
    X, y = data
    noise = (
        np.random.default_rng(1).normal(size=y.shape)
        * np.linspace(0.1, 1, len(y))[:, None, None]
    )
    return Known(**settings).fit(X, y + level * noise)


def rows_of(report, **wanted):
    return [
        row
        for row in report.rows
        if all(row[key] == value for key, value in wanted.items())
    ]


def row_of(report, estimator, component, metric):
    (row,) = rows_of(report, estimator=estimator, component=component, metric=metric)
    return row


# --- numbers --------------------------------------------------------------------------


def test_rows_hold_the_statistics_of_the_metrics(data):
    X, y = data
    estimator = noisy(data, names=["low", "high"])
    report = separation_report({"noisy": estimator}, X, y)
    expected = {
        "SDR": (metrics.sdr, metrics.sdr_improvement),
        "SI-SDR": (metrics.si_sdr, metrics.si_sdr_improvement),
    }
    for name, (metric, improvement) in expected.items():
        values = metric(y, estimator.predict(X))
        gains = improvement(y, estimator.predict(X), X)
        for k, component in enumerate(("low", "high")):
            row = row_of(report, "noisy", component, name)
            assert np.isclose(row["median"], np.median(values[:, k]))
            assert np.isclose(row["mean"], values[:, k].mean())
            assert np.isclose(row["improvement"], np.median(gains[:, k]))
            assert values[:, k].min() < row["low"] < row["median"] < row["high"]
            assert (row["n"], row["n_nan"], row["unit"]) == (20, 0, "dB")


def test_floors_and_ceiling_are_those_of_the_package(data):
    X, y = data
    report = separation_report({"noisy": noisy(data)}, X, y)
    mask = metrics.sdr(y, metrics.oracle_ratio_mask(y, X))
    mixture = metrics.sdr(y, np.broadcast_to(X[:, None], y.shape))
    for k in range(2):
        get = partial(row_of, report, component=f"component {k}", metric="SDR")
        assert np.isclose(get("oracle ratio mask")["median"], np.median(mask[:, k]))
        assert np.isclose(get("mixture")["median"], np.median(mixture[:, k]))
        assert get("mixture")["improvement"] == 0
        assert get("zero")["median"] == 0
    kinds = {row["estimator"]: row["kind"] for row in report.rows}
    assert list(kinds.values()) == ["estimator", "floor", "floor", "ceiling"]


def test_numbers_do_not_depend_on_the_size_of_chunks(data, nmf, monkeypatch):
    X, y = data
    whole = separation_report(nmf, X, y, random_state=0)
    monkeypatch.setattr(_evaluation, "CHUNK_ENTRIES", 3 * y[0].size)
    parts = separation_report(nmf, X, y, random_state=0)
    for a, b in zip(whole.rows, parts.rows, strict=True):
        assert a.keys() == b.keys()
        assert a == pytest.approx(b, nan_ok=True)


def test_pipelines_searches_and_frames_are_taken(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    pipe = make_pipeline(STFTTransformer(n_fft=16), NMFSeparator(random_state=0))
    search = GridSearchCV(pipe, {"nmfseparator__n_atoms": [1, 2]}, cv=2).fit(X, y)
    report = separation_report(
        {"search": search, "best": search.best_estimator_}, pandas.DataFrame(X), y
    )
    values = metrics.sdr(y, search.predict(X))
    for name in ("search", "best"):
        row = row_of(report, name, "component 1", "SDR")
        assert np.isclose(row["median"], np.median(values[:, 1]))


def test_multichannel_components_are_compared_as_a_whole():
    X, y = make_mixtures(n_channels=2)
    estimator = ICASeparator(random_state=0).fit(X, y)
    report = separation_report(estimator, X, y)
    values = metrics.sdr(y, estimator.predict(X))
    row = row_of(report, "ICASeparator", "component 0", "SDR")
    assert np.isclose(row["median"], np.median(values[:, 0]))


def test_lists_tensors_and_spectrograms_have_the_numbers_of_their_waveforms(data, nmf):
    X, y = data
    expected = separation_report(nmf, X, y, random_state=0).rows
    for convert in (np.ndarray.tolist, torch.from_numpy):
        rows = separation_report(nmf, convert(X), convert(y), random_state=0).rows
        assert str(rows) == str(expected)
    stft = STFTTransformer(n_fft=16).fit(X)
    Z = stft.transform(X)
    parts = [np.asarray(stft.transform(y[:, k])) for k in range(2)]
    components = Spectrogram(np.stack(parts, axis=1), stft=stft, n_times=64)
    by_spectra, by_waveforms = (
        separation_report(
            NMFSeparator(n_atoms=2, random_state=0).fit(Z, target), Z, target
        )
        for target in (components, y)
    )
    for a, b in zip(by_spectra.rows, by_waveforms.rows, strict=True):
        assert a["median"] == pytest.approx(b["median"], abs=0.01, nan_ok=True) or (
            a["median"] > 100  # rounding errors
        )


@pytest.mark.parametrize("shape", [(1, 2, 64), (4, 1, 64), (4, 3, 1)])
def test_few_samples_components_and_time_points_make_a_page(shape):
    y = np.random.default_rng(0).normal(size=shape)
    X = y.sum(axis=1)
    report = separation_report(Known().fit(X, 0.9 * y), X, y, sfreq=8000)
    assert len(figures(written(report))) == 2 * min(shape[0], 3)
    assert np.isclose(report.rows[0]["median"], 20)


def test_silent_components_are_counted(data):
    X, y = data
    y = y.copy()
    y[:3, 1] = 0
    X = y.sum(axis=1)
    report = separation_report({"noisy": noisy((X, y))}, X, y)
    for row in rows_of(report, component="component 1", kind="estimator"):
        assert (row["n"], row["n_nan"]) == (20, 3)
        assert np.isfinite(row["median"])
    counts = {
        row["metric"]: row["n_nan"]
        for row in rows_of(report, component="component 0", kind="estimator")
    }
    # alone, the other component meets no interference
    assert counts == {"SDR": 0, "SI-SDR": 0, "SIR": 3, "SAR": 0, "ISR": 0}
    assert "SDR of component 1: 3" in str(report)


def test_samples_of_silence_alone_are_no_error(data):
    X, y = np.zeros((2, 64)), np.zeros((2, 2, 64))
    report = separation_report(Known().fit(X, y), X, y)
    assert {row["n_nan"] for row in report.rows} == {2}
    assert report.examples == []


def test_bss_eval_agrees_with_projections(data):
    X, y = data
    estimates = noisy(data).predict(X) + 0.2 * y[:, ::-1]
    sir, sar = _metrics.sir_and_sar(y, estimates)
    for n, k in [(0, 0), (7, 1)]:
        s, est = y[n], estimates[n, k]
        target = (est @ s[k]) / (s[k] @ s[k]) * s[k]
        span = np.linalg.lstsq(s.T, est, rcond=None)[0] @ s

        def decibels(a, b):
            return 20 * np.log10(np.linalg.norm(a) / np.linalg.norm(b))

        assert np.isclose(sir[n, k], decibels(target, span - target))
        assert np.isclose(sar[n, k], decibels(span, est - span))


def test_components_that_are_multiples_are_left_out(data):
    _, y = data
    y = y.copy()
    y[4, 1] = 2 * y[4, 0]
    sir, sar = _metrics.sir_and_sar(y, y + 0.1)
    np.testing.assert_array_equal(np.isnan(sar).any(axis=1), np.arange(20) == 4)
    assert np.isfinite(sir[3]).all()


def test_isr_is_that_of_the_gain(data):
    _, y = data
    np.testing.assert_allclose(_metrics.isr(y, 0.9 * y), 20)
    np.testing.assert_allclose(_metrics.isr(y, 1.1 * y), 20)


def test_interval_of_the_median_holds_it_as_often_as_it_says():
    rng, hits = np.random.RandomState(0), 0
    for _ in range(200):
        low, high = _statistics.median_interval(rng.normal(size=40), rng)
        hits += low < 0 < high
    assert 0.88 < hits / 200 < 0.99


def test_interval_does_not_depend_on_how_many_resamples_are_drawn_at_once(monkeypatch):
    values = np.random.default_rng(0).normal(size=30)
    whole = _statistics.median_interval(values, np.random.RandomState(0))
    monkeypatch.setattr(_statistics, "DRAW_ENTRIES", 100)
    assert _statistics.median_interval(values, np.random.RandomState(0)) == whole
    infinite = np.full(30, -np.inf)
    assert _statistics.median_interval(infinite, np.random.RandomState(0)) == (
        -np.inf,
        -np.inf,
    )


def test_without_truth_levels_and_correlations_are_shown(data):
    X, y = data
    estimator = Known(["low", "high"]).fit(X, np.stack([0.5 * X, 0.1 * X], axis=1))
    report = separation_report({"half": estimator}, X)
    get = partial(row_of, report, "half")
    assert np.isclose(get("low", "level")["median"], 20 * np.log10(0.5))
    assert np.isclose(get("high", "level")["median"], -20)
    assert np.isclose(get("residual", "level")["median"], 20 * np.log10(0.4))
    assert np.isclose(get("low", "correlation")["median"], 1)
    assert {row["kind"] for row in report.rows} == {"estimator"}
    assert all(example.truth is None for example in report.examples)


def test_examples_are_the_worst_the_median_and_the_best(data):
    X, y = data
    report = separation_report({"noisy": noisy(data)}, X, y, n_examples=3)
    ranks = metrics.sdr(y, noisy(data).predict(X)).mean(axis=1)
    order = np.argsort(ranks)
    found = {example.title: example.index for example in report.examples}
    assert found["worst"] == order[0]
    assert found["best"] == order[-1]
    assert found["median"] in order[9:11]
    assert len(separation_report(noisy(data), X, y, n_examples=0).examples) == 0
    assert len(separation_report(noisy(data), X, y, n_examples=50).examples) == 20


def test_seeds_decide_what_is_drawn(data, nmf):
    X, y = data
    drawn = [
        [
            example.index
            for example in separation_report(nmf, X, random_state=s).examples
        ]
        for s in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    with_truth = [separation_report(nmf, X, y, random_state=s).rows for s in (0, 0)]
    assert str(with_truth[0]) == str(with_truth[1])


# --- metrics of optional packages -----------------------------------------------------


def test_metrics_of_missing_packages_are_left_out_with_a_note(data, nmf, monkeypatch):
    X, y = data
    monkeypatch.setattr(_metrics, "find_spec", lambda name: None)
    report = separation_report(nmf, X, y)
    assert {row["metric"] for row in report.rows} == {"SDR", "SI-SDR", "ISR"}
    assert any("pip install sklearn-cass[report]" in note for note in report.notes)
    with pytest.raises(ImportError, match=r"SIR needs fast_bss_eval: pip install"):
        separation_report(nmf, X, y, metrics=["sir"])


def speech_modules(monkeypatch):
    """Put stand-ins in the place of pystoi and pesq, and return their calls."""
    calls = []

    class PesqError(RuntimeError):
        pass

    def stoi(x, y, fs):
        calls.append(("stoi", fs))
        if not np.allclose(x, y):
            warnings.warn("not enough frames", RuntimeWarning, stacklevel=1)
        return 0.8

    def pesq(fs, ref, deg, mode):
        calls.append((mode, fs))
        if not np.allclose(ref, deg):
            raise PesqError
        return 4.0

    monkeypatch.setitem(sys.modules, "pystoi", types.SimpleNamespace(stoi=stoi))
    stand_in = types.SimpleNamespace(pesq=pesq, PesqError=PesqError)
    monkeypatch.setitem(sys.modules, "pesq", stand_in)
    monkeypatch.setattr(_metrics, "find_spec", lambda name: object())
    return calls


@pytest.mark.parametrize(("sfreq", "mode"), [(8000, "nb"), (16000, "wb")])
def test_metrics_of_speech_are_computed_at_their_rates(data, monkeypatch, sfreq, mode):
    calls = speech_modules(monkeypatch)
    X, y = data
    estimates = y.copy()
    estimates[:4] *= 0.5  # what the stand-ins refuse
    estimator = Known().fit(X, estimates)
    report = separation_report(estimator, X, y, sfreq=sfreq)
    assert set(calls) == {("stoi", sfreq), (mode, sfreq)}
    for metric in ("STOI", "PESQ"):
        row = row_of(report, "Known", "component 0", metric)
        assert row["n_nan"] == 4
        assert row["unit"] == ""
    assert row["median"] == 4


def test_metrics_of_speech_are_refused_for_other_signals(data, monkeypatch):
    speech_modules(monkeypatch)
    X, y = data
    report = separation_report(noisy(data), X, y, sfreq=22050)
    assert not {"STOI", "PESQ"} & {row["metric"] for row in report.rows}
    with pytest.raises(ValueError, match="PESQ cannot be computed, it needs speech"):
        separation_report(noisy(data), X, y, sfreq=256, metrics=["PESQ"])


# --- errors ---------------------------------------------------------------------------


def test_arguments_that_make_no_sense_are_errors(data, nmf):
    X, y = data
    with pytest.raises(ValueError, match="at least one fitted estimator"):
        separation_report({}, X, y)
    with pytest.raises(NotFittedError):
        separation_report(NMFSeparator(), X, y)
    with pytest.raises(ValueError, match="y must hold true components"):
        separation_report(nmf, X, np.arange(20) % 2)
    with pytest.raises(ValueError, match="as many samples, got 20 and 19"):
        separation_report(nmf, X, y[1:])
    with pytest.raises(ValueError, match="metrics must be among"):
        separation_report(nmf, X, y, metrics=["snr"])
    with pytest.raises(ValueError, match="metrics need the true components"):
        separation_report(nmf, X, metrics=["sdr"])
    with pytest.raises(ValueError, match="the estimates of NMF have shape"):
        separation_report({"NMF": nmf}, X, y[:, :1])
    with pytest.raises(ValueError, match="n_examples"):
        separation_report(nmf, X, y, n_examples=-1)
    fitted = NMFSeparator(n_atoms=2, random_state=0).fit(X, y, sfreq=100)
    with pytest.raises(ValueError, match="sfreq=200 Hz differs"):
        separation_report(fitted, X, y, sfreq=200)
    assert separation_report(fitted, X, y).sfreq == 100


# --- tables ---------------------------------------------------------------------------


def test_frame_has_a_line_for_each_row(data, nmf):
    pytest.importorskip("pandas")
    report = separation_report(nmf, *data)
    frame = report.to_frame()
    assert list(frame.columns) == list(report.rows[0])
    assert frame["median"].tolist() == pytest.approx(
        [row["median"] for row in report.rows], nan_ok=True
    )


def test_text_lists_each_component_of_each_estimate(data):
    report = separation_report({"mine": noisy(data, names=["low", "high"])}, *data)
    lines = str(report).splitlines()
    begins = [line.split()[:2] for line in lines if line.startswith(("low", "high"))]
    names = ["mine", "mixture", "zero", "oracle"]
    assert begins == [[c, name] for c in ("low", "high") for name in names]
    assert max(map(len, lines)) <= 160
    row = row_of(report, "mine", "low", "SDR")
    assert f"{row['median']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in str(report)


def test_columns_of_text_tables_are_aligned():
    rows = [
        ["name", "estimate", "dB"],
        ["a", "mixture", "-1.50"],
        ["bcd", "x", "12.00"],
    ]
    heading, rule, *lines = aligned(rows)
    assert {len(line) for line in (heading, rule, *lines)} == {len(rule)}
    starts = [0, rule.index(" -") + 1]
    for line, row in zip([heading, *lines], rows, strict=True):
        assert [line[s:].split()[0] for s in starts] == row[:2]
        assert line.endswith(row[2])


def test_notebooks_get_the_table_alone(data, nmf, monkeypatch):
    report = separation_report(nmf, *data)
    fragment = report._repr_html_()
    assert fragment.count("<table>") == 2
    assert len(fragment) < 30_000
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert report._repr_html_() is None


# --- page -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(data):
    """Return the text of a page with two estimators at an audible rate."""
    report = separation_report(
        {"first": noisy(data), "second": noisy(data, 1.0)}, *data, sfreq=8000
    )
    return written(report)


def written(report):
    from sklearn_cass.report import _page

    return _page.page(report)


def test_page_needs_no_network_and_holds_plotly_once(page):
    assert page.count(plotly_js()) == 1
    own = re.sub(r"data:audio[^\"]*", "", page.replace(plotly_js(), ""))
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#|["'])""", own)
    assert "://" not in own
    assert "default-src 'none'" in own
    assert len(page) < 7e6


def test_figures_are_such_as_plotly_knows(page):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for figure in figures(page)[:2]:
        assert graph_objects.Figure(figure).data  # raises for unknown properties


def plotly_js():
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def test_names_stay_text(data):
    name = "<script>alert('x')</script>&"
    estimator = noisy(data, names=[name, "b"])
    text = written(separation_report({name: estimator}, *data, sfreq=8000))
    text = text.replace(plotly_js(), "")
    assert "<script>alert" not in text
    assert html.escape(name, quote=False).replace("'", "&#39;") in text
    titles = [
        annotation["text"]
        for figure in figures(text)
        for annotation in figure["layout"]["annotations"]
    ]
    assert not [title for title in titles if "<" in title]  # plotly reads HTML, too
    assert any("&lt;script&gt;" in title for title in titles)


def figures(page):
    found = re.findall(r'<script type="application/json">(.*?)</script>', page)
    return [json.loads(text) for text in found]


def test_page_shows_settings_of_estimators(data):
    X, y = data
    pipe = make_pipeline(
        STFTTransformer(n_fft=16), NMFSeparator(n_atoms=2, random_state=3)
    )
    text = html.unescape(written(separation_report(pipe.fit(X, y), X, y)))
    assert "nmfseparator__random_state" in text
    assert "STFTTransformer(n_fft=16)" in text
    assert "scikit-learn" in text


def players(page):
    uris = re.findall(r'src="data:audio/wav;base64,([^"]*)"', page)
    return [wave.open(io.BytesIO(base64.b64decode(uri))) for uri in uris]


def test_players_hold_the_waveforms_at_one_volume(data):
    X, y = data
    report = separation_report(noisy(data), X, y, sfreq=8000, n_examples=1)
    files = players(written(report))
    (example,) = report.examples
    waveforms = [
        example.mixture,
        *example.truth,
        *example.estimates["Known"],
        example.residual("Known"),
    ]
    assert len(files) == len(waveforms)
    heard = [np.frombuffer(f.readframes(f.getnframes()), "<i2") for f in files]
    assert {f.getframerate() for f in files} == {8000}
    scale = abs(np.concatenate(heard)).max() / abs(np.concatenate(waveforms)).max()
    for samples, waveform in zip(heard, waveforms, strict=True):
        np.testing.assert_allclose(samples, waveform * scale, atol=1.5)


def test_rates_that_cannot_be_heard_have_no_players(data):
    assert not players(written(separation_report(noisy(data), *data, sfreq=256)))
    assert not players(written(separation_report(noisy(data), *data)))


def test_long_recordings_are_played_from_their_beginning():
    uri = data_uri(np.zeros(4000 * 30), 4000, 1.0)
    file = wave.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert file.getnframes() == 4000 * 20


def test_envelopes_keep_peaks_and_time():
    x = np.zeros(100_001)
    x[[7, 70_000]] = 3, -5
    points, step = envelope(x)
    assert len(points) <= N_POINTS
    assert (points.max(), points.min()) == (3, -5)
    assert abs(np.argmin(points) * step - 70_000) <= 2 * step
    short, step = envelope(x[:100])
    np.testing.assert_array_equal(short, x[:100])
    assert step == 1


def test_saving_replaces_a_file_as_a_whole(data, nmf, tmp_path, monkeypatch):
    report = separation_report(nmf, *data, n_examples=0)
    path = tmp_path / "report.html"
    report.save(path)
    first = path.read_text()
    assert first.startswith("<!DOCTYPE html>")
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-cass\[report\]"):
        report.save(path)
    assert path.read_text() == first
    assert list(tmp_path.iterdir()) == [path]


# --- in a browser ---------------------------------------------------------------------

PROBE = """<script>
(async () => {
  const wait = (done) => new Promise((resolve) => {
    const poll = () => (done() ? resolve() : setTimeout(poll, 20));
    poll();
  });
  await wait(() => document.body.dataset.state === "ready");
  const first = document.querySelectorAll(".plot[data-state=drawn]").length;
  const all = [...document.querySelectorAll("details")];
  for (const details of all) details.open = true;
  const plots = [...document.querySelectorAll(".plot")];
  await wait(() => plots.every((plot) => plot.dataset.state === "drawn"));
  const context = new OfflineAudioContext(1, 1, 44100);
  const decoded = [];
  for (const audio of document.querySelectorAll("audio")) {
    const text = atob(audio.src.split(",")[1]);
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    decoded.push((await context.decodeAudioData(bytes.buffer)).duration);
  }
  await wait(() => [...document.querySelectorAll("audio")].every((a) => a.readyState));
  const summary = document.querySelector("summary");
  summary.focus();
  parent.postMessage({
    first,
    plots: plots.length,
    lines: document.querySelectorAll(".plot .scatterlayer .trace").length,
    images: document.querySelectorAll(".plot .heatmaplayer image").length,
    decoded,
    buttons: [...new Set([...document.querySelectorAll(".modebar-btn")].map(
      (button) => button.dataset.title))],
    failed: [...document.querySelectorAll("audio")].filter((a) => a.error).length,
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth,
    background: getComputedStyle(document.body).backgroundColor,
    text: document.querySelector(".plot text").style.fill,
    focus: document.activeElement === summary,
    outline: summary.matches(":focus-visible"),
    unnamed: [...document.querySelectorAll("audio, .scc-scroll, .plot")].filter(
      (element) => !element.getAttribute("aria-label")).length,
  }, "*");
})();
</script></body>"""
FRAME = """<!DOCTYPE html><body>
<iframe src="report.html" width="{width}" height="2000"></iframe>
<script>addEventListener("message", (event) => {{
  const body = JSON.stringify(event.data);
  fetch("{address}", {{ method: "POST", mode: "no-cors", body }});
}});</script></body>"""


class Receiver(http.server.BaseHTTPRequestHandler):
    """Put what is posted in the queue of the server."""

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        self.server.received.put(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        """Print nothing."""


@pytest.fixture
def receiver():
    """Return a server that keeps what pages post."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received = queue.Queue()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("chromium is not installed")


def seen_by_browser(page, folder, receiver, *, width, dark):
    """Return what a browser tells of a page in a frame, and its console."""
    address = f"http://127.0.0.1:{receiver.server_port}/"
    (folder / "report.html").write_text(page.replace("</body>", PROBE))
    (folder / "frame.html").write_text(FRAME.format(width=width, address=address))
    command = [
        *(chromium(), "--headless=new", "--no-sandbox", "--disable-gpu"),
        *("--enable-logging=stderr", "--v=0", "--window-size=1200,2100"),
        *("--no-first-run", f"--user-data-dir={folder / 'profile'}"),
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        (folder / "frame.html").as_uri(),
    ]
    log = folder / "console"
    with log.open("w") as file:
        browser = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            seen = receiver.received.get(timeout=300)
        finally:
            browser.terminate()
            browser.wait()
    lines = log.read_text(errors="replace").splitlines()
    return seen, [line for line in lines if "CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1100, False), (390, True)])
def test_page_works_in_a_browser(page, tmp_path, receiver, width, dark):
    seen, console = seen_by_browser(page, tmp_path, receiver, width=width, dark=dark)
    assert console == []
    assert (seen["first"], seen["plots"]) == (6, 12)  # of 3 examples, 2 estimators
    assert seen["lines"] == 6 * (1 + 2 * 3 + 1)  # 2 for a component, and its error
    assert seen["images"] == 6 * 6
    assert len(seen["decoded"]) == 3 * (3 + 2 * 3)
    np.testing.assert_allclose(seen["decoded"], 64 / 8000, atol=1e-3)
    assert seen["failed"] == 0
    assert len(seen["buttons"]) == 6
    assert not re.search("cloud|upload|share", " ".join(seen["buttons"]), re.I)
    assert seen["width"] == width
    assert seen["overflow"] <= 0
    light = np.mean([int(n) for n in re.findall(r"\d+", seen["background"])]) > 128
    assert light != dark
    letters = np.mean([int(n) for n in re.findall(r"\d+", seen["text"])[:3]])
    assert (letters > 128) == dark
    assert seen["focus"]
    assert seen["outline"]
    assert seen["unnamed"] == 0


@pytest.mark.slow
def test_errors_and_requests_would_be_seen(page, tmp_path, receiver):
    calls = "fetch('http://127.0.0.1:9/'); throw new Error('broken');"
    broken = page.replace("start();\n", f"start();\n{calls}\n")
    _, console = seen_by_browser(broken, tmp_path, receiver, width=800, dark=False)
    assert any("broken" in line for line in console)
    assert any("Content Security Policy" in line for line in console)
