"""The report: a table of numbers, and one page with examples."""

from numbers import Integral

from sklearn.utils import check_random_state, check_scalar

from ..data import check_same_sfreq, check_sfreq
from ..inspection import component_labels, fitted_separator
from ..persistence.file_format import write_atomically
from . import _page
from ._evaluation import ESTIMATOR, ORACLE, Samples, evaluate
from ._examples import choose_samples, make_examples
from ._metrics import METRICS, WITHOUT_TRUTH
from ._statistics import table_rows
from ._text import plain_table

RESIDUAL = "residual"  # beside the components, where there is no truth


def separation_report(
    estimators,
    X,
    y=None,
    *,
    sfreq=None,
    metrics=None,
    n_examples=3,
    random_state=None,
):
    """Compare separators on samples, in a table and on a page with examples.

    Parameters
    ----------
    estimators : dict of str to estimator, or estimator
        Fitted separators, pipelines or searches by the names to show, or one alone.
    X : array-like of shape (n_samples, [n_channels,] n_times)
        Mixtures: waveforms, or a :class:`~sklearn_cass.Spectrogram`. Data that the
        estimators were not fitted on tell how well they separate.
    y : array-like of shape (n_samples, n_components, [n_channels,] n_times), \
default=None
        Their true components. If None, the report shows levels of the estimates and of
        the residual, and their correlation with the mixtures.
    sfreq : float, default=None
        Sampling frequency in Hz. If None, that passed to ``fit``, if any. Players are
        shown from 4 kHz on.
    metrics : list of str, default=None
        Among "sdr", "si_sdr", "sir", "sar", "isr", "stoi" and "pesq". If None, all that
        are installed; the last two, which are meant for speech, at 8 or 16 kHz alone.
    n_examples : int, default=3
        Number of samples to show: the worst, the median and the best by their mean SDR,
        more between them; without `y`, samples drawn at random.
    random_state : int, RandomState instance or None, default=None
        Determines the resamples of intervals, and examples without `y`.

    Returns
    -------
    report : SeparationReport
        The report.

    Raises
    ------
    NotFittedError
        If an estimator is not fitted.
    ValueError
        If there is no estimator; if X or y do not hold waveforms, or estimates have
        another shape than y; if a metric is unknown or does not suit the data; if the
        sampling rate is another than in ``fit``.
    ImportError
        If a metric needs a package that is not installed.

    See Also
    --------
    sklearn_cass.plotting.SeparationDisplay : One sample, drawn with matplotlib.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import NMFSeparator
    >>> from sklearn_cass.report import separation_report
    >>> t = np.arange(512) / 128
    >>> tones = np.sin(2 * np.pi * np.array([[3], [20]]) * t)
    >>> y = tones * np.random.default_rng(0).uniform(0.5, 2, size=(20, 2, 1))
    >>> separator = NMFSeparator(n_atoms=2, random_state=0).fit(y.sum(axis=1), y)
    >>> report = separation_report({"NMF": separator}, y.sum(axis=1), y, sfreq=128)
    >>> [row["component"] for row in report.rows if row["metric"] == "SDR"][:2]
    ['component 0', 'component 1']
    >>> report.save("report.html")  # doctest: +SKIP
    """
    named = check_estimators(estimators)
    rng = check_random_state(random_state)
    check_scalar(n_examples, "n_examples", Integral, min_val=0)
    sfreq = common_sfreq(named, sfreq)
    samples = Samples(X, y)
    values, notes = evaluate(samples, named, sfreq, metrics)
    labels = common_labels(named, values, has_truth=y is not None)
    known = METRICS if y is not None else WITHOUT_TRUTH
    columns = labels if y is not None else [*labels, RESIDUAL]
    chosen = choose_samples(values, len(samples), n_examples, rng)
    return SeparationReport(
        rows=table_rows(values, columns, known, rng),
        component_names=labels,
        sfreq=sfreq,
        n_samples=len(samples),
        examples=make_examples(samples, named, values, chosen),
        notes=notes_of(values, known, notes),
        settings={name: _page.settings_of(e) for name, e in named.items()},
    )


class SeparationReport:
    """Numbers and examples of separated samples, as `separation_report` returns them.

    Parameters
    ----------
    rows : list of dict
        One row for each estimate, component and metric, with the keys "estimator",
        "kind" ("estimator", "floor" or "ceiling"), "component", "metric", "unit",
        "median", "mean", "low" and "high" (95 % interval of the median), "n" and
        "n_nan" (numbers of samples, and of those where the metric is not defined, as
        for silent true components), "improvement" (median over samples of the
        difference to the mixture as estimate).
    component_names : list of str
        Names of the components.
    sfreq : float or None
        Sampling frequency in Hz.
    n_samples : int
        Number of samples.
    examples : list of Example
        The samples to show.
    notes : list of str
        What the numbers mean, and what was left out.
    settings : dict of str to dict
        Class and parameters of each estimator.

    See Also
    --------
    separation_report : Compares separators.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_cass import ICASeparator
    >>> from sklearn_cass.report import separation_report
    >>> y = np.random.default_rng(0).laplace(size=(8, 2, 64))
    >>> ica = ICASeparator(random_state=0).fit(y.sum(axis=1), y)
    >>> report = separation_report(ica, y.sum(axis=1), y, metrics=["sdr"])
    >>> type(report).__name__
    'SeparationReport'
    >>> sorted({row["estimator"] for row in report.rows})
    ['ICASeparator', 'mixture', 'oracle ratio mask', 'zero']
    """

    def __init__(
        self, rows, component_names, sfreq, n_samples, examples, notes, settings
    ):
        self.rows = rows
        self.component_names = component_names
        self.sfreq = sfreq
        self.n_samples = n_samples
        self.examples = examples
        self.notes = notes
        self.settings = settings

    def to_frame(self):
        """Return the rows as a data frame of pandas.

        Returns
        -------
        frame : pandas.DataFrame
            One line for each row.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            message = "pandas is needed for data frames: pip install pandas"
            raise ImportError(message) from error
        return pandas.DataFrame(self.rows)

    def save(self, path):
        """Write the report as one HTML page that needs no network.

        An existing file is replaced as a whole, or not at all.

        Parameters
        ----------
        path : path-like
            The file to write, for instance "report.html".

        Raises
        ------
        ImportError
            If jinja2 or plotly is not installed.
        OSError
            If the file cannot be written.
        """
        write_atomically(path, _page.page(self).encode())

    def _repr_html_(self):
        """Return the table for notebooks, None without jinja2."""
        try:
            return _page.fragment(self)
        except ImportError:
            return None

    def __str__(self):
        return plain_table(self)

    def __repr__(self):
        names = ", ".join(self.settings)
        return f"<SeparationReport of {names} on {self.n_samples} samples>"


def check_estimators(estimators):
    """Return fitted estimators by name."""
    if not isinstance(estimators, dict):
        estimators = {type(fitted_separator(estimators)).__name__: estimators}
    if not estimators:
        raise ValueError("estimators must hold at least one fitted estimator, got none")
    for estimator in estimators.values():
        fitted_separator(estimator)  # raises what is wrong with it
    return {str(name): estimator for name, estimator in estimators.items()}


def common_sfreq(estimators, sfreq):
    """Return the sampling rate, which must be that of all estimators that know one."""
    sfreq = check_sfreq(sfreq)
    for name, estimator in estimators.items():
        fitted = getattr(fitted_separator(estimator), "sfreq_", None)
        check_same_sfreq(sfreq, fitted, f"the recordings for {name}")
        sfreq = fitted if sfreq is None else sfreq
    return sfreq


def common_labels(estimators, values, *, has_truth):
    """Return the names of components: of the first estimator that has names."""
    columns = next(iter(next(iter(values.values())).values())).shape[1]
    n_components = columns if has_truth else columns - 1
    found = [component_labels(e, n_components) for e in estimators.values()]
    unnamed = component_labels(None, n_components)
    return next((labels for labels in found if labels != unnamed), unnamed)


def notes_of(values, metrics, left_out):
    """Return lines on the meaning of metrics and reference rows."""
    (first, *_) = values.values()
    notes = [f"{metrics[key].name}: {metrics[key].about}." for key in first]
    if any(kind != ESTIMATOR for kind, _ in values):
        notes += [
            "Floors: the mixture itself, and silence, as estimates. Ceiling: "
            f"the {ORACLE}, which knows the true components.",
            "A metric is not defined for a silent true component; SIR also not for an "
            "estimate of silence or without other components.",
            "Improvements of SAR and ISR are listed under all numbers alone: the "
            "mixture has hardly any artifacts or errors of scale.",
        ]
    return notes + [f"{note}." for note in left_out]
