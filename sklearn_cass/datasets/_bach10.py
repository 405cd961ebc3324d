"""Bach10: recordings of chorales, one file for each of four instruments."""

import os
import re
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ._checks import SFREQ, check_choices, check_memory, refuse_bools
from ._files import data_folder
from ._resampling import resample
from ._wav import read_wav
from ._windows import cut_windows, seconds_to_times, window_starts

# Spellings in the names of files, that of the data set first.
_SPELLINGS = {
    "violin": ("violin",),
    "clarinet": ("clarinet",),
    "saxophone": ("saxphone", "saxophone"),
    "bassoon": ("bassoon",),
}
_SFREQ = 44100
_PIECE_FOLDER = re.compile(r"(\d\d)-.+")

_DESCR = """\
Bach10: four-part chorales by J. S. Bach, one recording per instrument
----------------------------------------------------------------------
A mixture is the sum of the recordings of the chosen instruments, so its components
are known exactly. Samples with equal `groups` are windows of one piece. The data set
(http://music.cs.northwestern.edu/data/Bach10.html) is free for research; cite Z. Duan,
B. Pardo and C. Zhang, IEEE Transactions on Audio, Speech, and Language Processing
18(8), 2121-2133, 2010, doi:10.1109/TASL.2010.2042119.
"""


def _piece_folders(folder, pieces):
    """Return the folders of pieces by number, those of all pieces for None."""
    found = {}
    for path in sorted(folder.iterdir()):
        match = _PIECE_FOLDER.fullmatch(path.name)
        if match and path.is_dir():
            other = found.setdefault(int(match[1]), path)
            if other != path:
                raise ValueError(f"folder: {other} and {path} have the same number")
    if not found:
        raise FileNotFoundError(f"folder: no piece (a folder NN-Title) in {folder}")
    if pieces is None:
        return found
    missing = [piece for piece in pieces if piece not in found]
    if missing:
        raise FileNotFoundError(f"pieces: no folder {missing[0]:02d}-Title in {folder}")
    return {piece: found[piece] for piece in pieces}


def _check_instruments(instruments):
    """Return the names of instruments, without the data set's spelling."""
    if not isinstance(instruments, str):
        names = {"saxphone": "saxophone"}
        instruments = [names.get(name, name) for name in instruments]
    return check_choices("instruments", instruments, _SPELLINGS)


def _check_pieces(pieces):
    """Return the numbers of pieces, or None."""
    if pieces is None:
        return None
    if isinstance(pieces, str) or not len(pieces):
        raise ValueError(f"pieces must be a non-empty list of numbers, got {pieces!r}")
    for piece in pieces:
        is_number = isinstance(piece, Integral) and not isinstance(piece, bool)
        if not is_number or not 1 <= piece <= 10:
            raise ValueError(f"pieces must be integers from 1 to 10, got {piece!r}")
    if len(set(pieces)) < len(pieces):
        raise ValueError(f"pieces holds a number twice: {list(pieces)}")
    return [int(piece) for piece in pieces]


def _stem_path(piece_folder, instrument):
    """Return the path of the recording of one instrument."""
    spellings = _SPELLINGS[instrument]
    paths = [piece_folder / f"{piece_folder.name}-{name}.wav" for name in spellings]
    for path in paths:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"instruments: no recording of the {instrument}: {paths[0]}"
    )


def _read_piece(piece_folder, instruments, sfreq):
    """Read the components of a piece, float32 of shape (n_components, n_times)."""
    paths = [_stem_path(piece_folder, instrument) for instrument in instruments]
    stems = [read_wav(path, _SFREQ) for path in paths]
    for path, stem in zip(paths, stems, strict=True):
        if len(stem) != len(stems[0]):
            raise ValueError(
                f"{path} has {len(stem)} time points but {paths[0]} has "
                f"{len(stems[0])}: one of them is truncated"
            )
    return resample(np.stack(stems), _SFREQ, sfreq).astype(np.float32)


def _cut_piece(name, stems, n_times, hop):
    """Return windows of a piece, of shape (n_windows, n_components, n_times)."""
    n_total = stems.shape[1]
    if n_times > n_total:
        raise ValueError(
            f"window: {n_times} time points are more than the {n_total} of piece {name}"
        )
    return cut_windows(stems, window_starts(n_total, n_times, hop), n_times)


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "instruments": ["array-like"],
        "pieces": ["array-like", None],
        "sfreq": [SFREQ],
        "window": [Interval(Real, 0, None, closed="neither"), None],
        "hop": [Interval(Real, 0, None, closed="neither"), None],
    },
    prefer_skip_nested_validation=True,
)
def load_bach10(
    folder=None,
    *,
    instruments=("bassoon", "saxophone"),
    pieces=None,
    sfreq=22050,
    window=1.0,
    hop=None,
):
    """Load mixtures of instruments from Bach10, and the recordings they consist of.

    Bach10 [1]_ holds ten four-part chorales by J. S. Bach, each part recorded alone. A
    mixture is the sum of the chosen instruments. Reading needs the package
    ``soundfile``, and the data set [2]_ in its original layout,
    ``NN-Title/NN-Title-instrument.wav``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder with the pieces, or the parent of a folder ``bach10`` with the
        pieces. If None, the environment variable ``SKLEARN_CASS_DATA`` names it.
    instruments : list of str, default=("bassoon", "saxophone")
        The components, in this order: one or more of "violin", "clarinet",
        "saxophone" and "bassoon". The data set's spelling "saxphone" is accepted, too.
    pieces : list of int or None, default=None
        Numbers of the pieces, 1 to 10. If None, all pieces in the folder.
    sfreq : int, default=22050
        Sampling frequency in Hz to which the recordings (44100 Hz) are resampled; at
        most 192000.
    window : float or None, default=1.0
        Duration of a window in seconds. An incomplete window at the end of a piece is
        discarded. If None, whole pieces are returned.
    hop : float or None, default=None
        Seconds between the starts of consecutive windows. If None, `window`: the
        windows do not overlap.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_windows, n_times)
            Mixtures, float32, equal to ``target.sum(axis=1)``. With ``window=None``, a
            list of one ndarray of shape (n_times,) per piece.
        target : ndarray of shape (n_windows, n_components, n_times)
            Components (sources), float32. With ``window=None``, a list of one ndarray
            of shape (n_components, n_times) per piece.
        component_names : list of str
            Names of the instruments.
        sfreq : int
            Sampling frequency in Hz.
        groups : ndarray of int of shape (n_windows,)
            Number of the piece of each window. With ``window=None``, of shape
            (n_pieces,).
        piece_names : list of str
            Names of the pieces, such as "01-AchGottundHerr".
        DESCR : str
            Description of the data.

    Raises
    ------
    FileNotFoundError
        If the folder, a piece or the recording of an instrument is missing.
    ValueError
        If an argument is invalid; if a file is truncated, unreadable, compressed, not
        mono or not sampled at 44100 Hz, contains NaN, or differs in length from the
        others of its piece; if two folders have the same number; if a window is longer
        than a piece; if the windows need more memory than there is; if no folder is
        given.
    ImportError
        If ``soundfile`` is not installed.

    References
    ----------
    .. [1] Z. Duan, B. Pardo, C. Zhang, "Multiple fundamental frequency estimation by
       modeling spectral peaks and non-peak regions", IEEE Transactions on Audio,
       Speech, and Language Processing 18(8), 2121-2133, 2010,
       `doi:10.1109/TASL.2010.2042119
       <https://doi.org/10.1109/TASL.2010.2042119>`_.
    .. [2] Bach10 v1.1, http://music.cs.northwestern.edu/data/Bach10.html

    Examples
    --------
    >>> from sklearn_cass.datasets import load_bach10
    >>> bach = load_bach10("bach10", pieces=[1, 2])  # doctest: +SKIP
    >>> bach.target.shape  # doctest: +SKIP
    (65, 2, 22050)
    """
    refuse_bools(sfreq=sfreq, window=window, hop=hop)
    instruments = _check_instruments(instruments)
    folders = _piece_folders(data_folder(folder, "bach10"), _check_pieces(pieces))
    target = [_read_piece(path, instruments, sfreq) for path in folders.values()]
    groups = np.array(list(folders))
    names = [path.name for path in folders.values()]
    if window is None:
        data = [stems.sum(axis=0) for stems in target]
    else:
        n_times = seconds_to_times("window", window, sfreq)
        step = n_times if hop is None else seconds_to_times("hop", hop, sfreq)
        n_windows = sum(stems.shape[1] // step + 1 for stems in target)
        n_values = n_windows * min(n_times, max(stems.shape[1] for stems in target))
        # single precision, twice while windows are concatenated, and the mixtures
        n_bytes = 4 * n_values * (2 * len(instruments) + 1)
        check_memory(n_bytes, window=window, hop=hop, sfreq=sfreq)
        target = [
            _cut_piece(name, stems, n_times, step)
            for name, stems in zip(names, target, strict=True)
        ]
        groups = np.repeat(groups, [len(windows) for windows in target])
        target = np.concatenate(target)
        data = target.sum(axis=1)
    return Bunch(
        data=data,
        target=target,
        component_names=instruments,
        sfreq=sfreq,
        groups=groups,
        piece_names=names,
        DESCR=_DESCR,
    )
