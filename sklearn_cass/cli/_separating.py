"""The command ``separate``: recordings of any length, rate and number of channels."""

import secrets
import shutil
import sys
import traceback
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from ..signals import resampling_ratio
from ._matching import assumed
from ._messages import QUIET, Messages, UsageError, error_text
from ._models import load_model
from ._recordings import files_in, open_recording, select_channels
from ._units import in_one_unit
from ._writing import (
    complete_folder,
    existing_files,
    file_names,
    make_writer,
    temporary_folder,
)


@dataclass(frozen=True)
class Job:
    """A recording to separate, and where its estimates belong."""

    path: Path
    folder: Path
    model: str
    token: str
    force: bool
    sfreq: float | None
    channel: str | None
    polarity: str


@dataclass
class Outcome:
    """Result of a recording, as :func:`separate_files` yields it.

    Parameters
    ----------
    job : object
        Its attributes ``path`` and ``folder`` are the recording and the folder of its
        estimates.
    lines : list of str
        What there is to know, such as a change of rate.
    error : str or None
        Why it was not separated; None if it was.
    trace : str
        The traceback of the error.
    """

    job: Job
    lines: list
    error: str | None = None
    trace: str = ""


def separate_files(
    model,
    recordings,
    output,
    *,
    n_jobs=None,
    sfreq=None,
    channel=None,
    polarity="given",
    force=False,
):
    """Separate many recordings, by joblib: in processes, or over a cluster.

    The estimates of a recording are written to the folder ``output/STEM``, as by the
    command ``sklearn-cass separate``. They appear when they are complete. A recording
    that cannot be separated ends none of the others.

    Parameters
    ----------
    model : path-like
        File of a fitted separator. Each process loads it once.
    recordings : list of path-like
        Files, or folders of files. Workers on other machines must find them by the same
        names, and ``model`` and ``output``.
    output : path-like
        Folder of the estimates.
    n_jobs : int, default=None
        Recordings to separate at the same time, -1 for as many as there are cores. None
        is 1, unless :func:`joblib.parallel_config` says otherwise.
    sfreq : float, default=None
        Sampling rate of .npy files, which do not tell it.
    channel : str, default=None
        Name or number of a channel, "mean" or "all", the default.
    polarity : {"given", "auto", "both"}, default="given"
        As for ``separate`` of separators.
    force : bool, default=False
        Whether to replace existing files.

    Yields
    ------
    outcome : Outcome
        What became of a recording, as soon as it is known, in any order.

    Raises
    ------
    ValueError
        If there is no such model, or if two recordings have the same stem.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sklearn_cass import AESeparator, ResNet9
    >>> from sklearn_cass.cli import separate_files
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64)).astype("float32")
    >>> network = ResNet9(n_filters=2, n_latent=4)
    >>> separator = AESeparator(network, max_epochs=1, random_state=0)
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     separator.fit(y.sum(axis=1), y).save(folder / "model")
    ...     np.save(folder / "a.npy", y[0].sum(axis=0))
    ...     files = [folder / "a.npy", folder / "b.npy"]  # there is no b.npy
    ...     outcomes = list(separate_files(folder / "model", files, folder / "parts"))
    >>> [(outcome.job.path.name, outcome.error is None) for outcome in outcomes]
    [('a.npy', True), ('b.npy', False)]
    """
    try:
        load_model(str(model))  # an error of the model is not one of every recording
        settings = output, force, sfreq, channel, polarity
        jobs = make_jobs(str(model), recordings, *settings)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return tidied(jobs, parallel_outcomes(jobs, n_jobs))


def run(args, messages):
    """Separate recordings; return the status."""
    separator = load_model(args.model)
    settings = args.output, args.force, args.sfreq, args.channel, args.polarity
    jobs = make_jobs(args.model, args.recordings, *settings)
    if args.dry_run:
        return max(show_plan(job, separator, messages) for job in jobs)
    found = outcomes(jobs, separator, args.jobs, messages)
    n_failed = sum(report(outcome, args, messages) for outcome in tidied(jobs, found))
    if n_failed and len(jobs) > 1:
        messages.error(f"{n_failed} of {len(jobs)} recordings were not separated")
    return int(n_failed > 0)


def tidied(jobs, outcomes):
    """Yield outcomes; then remove what workers that were stopped could not."""
    try:
        yield from outcomes
    finally:
        for job in jobs:
            shutil.rmtree(temporary_folder(job.folder, job.token), ignore_errors=True)


def make_jobs(model, recordings, output, force, sfreq, channel, polarity):
    """Return one job for each recording; two must not write to one folder."""
    paths = []
    for path in map(Path, recordings):
        paths += files_in(path)
    stems = Counter(path.stem for path in paths)
    twice = [stem for stem, count in stems.items() if count > 1]
    if twice:
        raise UsageError(
            f"several recordings have the stem {twice[0]!r}, and their estimates would "
            "have the same names: separate them into other folders"
        )
    token = secrets.token_hex(4)
    settings = (model, token, force, sfreq, channel, polarity)
    return [Job(path, Path(output, path.stem), *settings) for path in paths]


def outcomes(jobs, separator, n_jobs, messages):
    """Yield the outcomes of jobs, with a progress bar."""
    if n_jobs == 1 or len(jobs) == 1:
        for job in jobs:
            with messages.bar(100, job.path.name) as bar:
                outcome = separate_safely(job, separator, bar.update)
            yield outcome
        return
    with messages.bar(len(jobs), "recordings") as bar:
        for outcome in parallel_outcomes(jobs, n_jobs):
            bar.update()
            yield outcome


def parallel_outcomes(jobs, n_jobs):
    """Yield the outcomes of jobs by joblib's workers, those of a cluster, too."""
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    yield from parallel(delayed(separate_in_worker)(job) for job in jobs)


def report(outcome, args, messages):
    """Print what became of a job; return whether it failed."""
    for line in outcome.lines:
        messages.say(f"{outcome.job.path}: {line}")
    if outcome.error is None:
        messages.say(f"{outcome.job.path} -> {outcome.job.folder}")
        return False
    text, path = outcome.error, str(outcome.job.path)
    messages.error(text if path in text else f"{path}: {text}")
    if args.debug:
        print(outcome.trace, file=sys.stderr)
    return True


def separate_in_worker(job):
    """Separate a recording in a process of its own."""
    messages = Messages(QUIET)
    with messages.warnings_in_lines():
        try:
            separator = load_once(job.model, job.token)
        except Exception as error:
            return Outcome(job, [], error_text(error), traceback.format_exc())
        return separate_safely(job, separator)


@lru_cache(maxsize=1)
def load_once(model, token):
    """Return a model, which a worker loads once for all recordings of one command."""
    return load_model(model)


def separate_safely(job, separator, progress=None):
    """Separate a recording; an error ends that of no other recording."""
    lines = []
    try:
        separate_recording(job, separator, lines, progress or (lambda n: None))
    except Exception as error:
        return Outcome(job, lines, error_text(error), traceback.format_exc())
    return Outcome(job, lines)


# One recording -----------------------------------------------------------------------


def separate_recording(job, separator, lines, progress):
    """Write the estimates of one recording."""
    recording = recording_of(job, separator)
    names = file_names(separator.component_names_)

    def check():
        check_absent(job, names, recording.kind)

    check()
    select, channels = select_channels(recording, job.channel or "all")
    check_channels(separator, recording, channels)
    note_rates(separator, recording, lines)
    blocks = without_infinity(
        map(select, counted(recording, progress)), recording, channels
    )
    settings = {"sfreq": recording.sfreq, "polarity": job.polarity}
    if job.polarity == "auto":  # which needs all of the recording
        whole = np.concatenate(list(blocks), axis=-1)
        estimates = [separator.separate(whole, **settings)]
    else:
        estimates = separator.separate_stream(blocks, **settings)
    if len(separator.domains_.y_shape) < 2 <= n_model_channels(separator):
        channels = ("estimate",)
    with complete_folder(job.folder, job.token, check) as folder:
        with make_writer(folder, names, recording, channels) as writer:
            for block in with_channels(estimates):
                writer.write(block)
            note = writer.finish()
    lines += [note] if note else []


def recording_of(job, separator):
    """Open a recording; channels that are combined are in one unit."""
    recording = open_recording(job.path, job.sfreq)
    if n_model_channels(separator) == 1 and job.channel != "mean":
        return recording
    (group,) = in_one_unit({"": [recording]}, job.channel, Messages(QUIET)).values()
    return group[0]


def check_absent(job, names, kind):
    """Raise a FileExistsError if a file would be replaced."""
    found = [] if job.force else existing_files(job.folder, names, kind)
    if found:
        raise FileExistsError(f"{found[0]} exists: --force replaces it")


def n_model_channels(separator):
    """Return how many channels a separator takes at once."""
    shape = separator.domains_.window_shape
    return shape[0] if len(shape) > 1 else 1


def check_channels(separator, recording, channels):
    """Raise a ValueError unless a separator takes so many channels."""
    n_wanted = n_model_channels(separator)
    if n_wanted not in (1, len(channels)):
        raise ValueError(
            f"{recording.path} must have the {n_wanted} channels of the model, got "
            f"{len(channels)}: {', '.join(channels)}"
        )


def note_rates(separator, recording, lines):
    """Say whether a recording is resampled."""
    given, wanted = recording.sfreq, separator.sfreq_
    if wanted is None and given is not None:
        lines.append("not resampled: the rate of the model is not known")
    if given is None and wanted is not None:
        lines.append(f"has no rate: {assumed(wanted)}")
    if None not in (given, wanted) and len(set(resampling_ratio(given, wanted))) > 1:
        lines.append(
            f"resampled from {given:g} Hz to the model's {wanted:g} Hz, and the "
            f"estimates back to {given:g} Hz"
        )


def counted(recording, progress):
    """Yield the blocks of a recording, and report their share in percent."""
    for block in recording.blocks():
        yield block
        progress(100 * block.shape[-1] / recording.n_times)


def without_infinity(blocks, recording, channels):
    """Yield blocks; infinite values are an error that names the channel."""
    for block in blocks:
        is_infinite = np.isinf(block).any(axis=-1)
        if is_infinite.any():
            k = int(np.argmax(is_infinite))
            raise ValueError(
                f"{recording.path} contains infinity in channel {channels[k]}: "
                "--channel separates another one"
            )
        yield block


def with_channels(estimates):
    """Yield estimates with an axis of channels, (n_components, n_channels, n)."""
    for block in estimates:
        yield block if block.ndim == 3 else block[:, np.newaxis]


# Plan --------------------------------------------------------------------------------


def show_plan(job, separator, messages):
    """Print what would be done with a recording; return the status it would have."""
    lines, names = [], file_names(separator.component_names_)
    try:
        recording = recording_of(job, separator)
        _, channels = select_channels(recording, job.channel or "all")
        check_channels(separator, recording, channels)
        check_absent(job, names, recording.kind)
        note_rates(separator, recording, lines)
    except Exception as error:
        messages.error(error_text(error))
        return 1
    files = [f"{name}{recording.path.suffix}" for name in names]
    notes = "".join(f"; {line}" for line in lines)
    print(f"{job.path} -> {job.folder}: {', '.join(files)}{notes}")
    return 0
