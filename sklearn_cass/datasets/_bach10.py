"""Loader of the Bach10 recordings: four instruments, one file each."""

import os
import re
import struct
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ._windows import (
    check_choices,
    cut_windows,
    data_folder,
    import_extra,
    resample,
    seconds_to_samples,
    window_starts,
)

# As the files spell them: the data set's own spelling comes first.
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
A mixture is the sum of the chosen instruments' recordings, so its components are
known exactly. Rows with equal `groups` come from one piece. The recordings are free
for research; cite Duan, Pardo and Zhang (2010).
"""


def _piece_folders(folder, pieces):
    """Find the pieces' folders, {number: path}; all of them where `pieces` is None."""
    found = {}
    for path in sorted(folder.iterdir()):
        match = _PIECE_FOLDER.fullmatch(path.name)
        if match and path.is_dir():
            found[int(match[1])] = path
    if not found:
        raise FileNotFoundError(f"folder: no piece (a folder NN-Title) in {folder}")
    if pieces is None:
        return found
    missing = [piece for piece in pieces if piece not in found]
    if missing:
        raise FileNotFoundError(f"pieces: no folder {missing[0]:02d}-Title in {folder}")
    return {piece: found[piece] for piece in pieces}


def _check_instruments(instruments):
    if not isinstance(instruments, str):
        spelt = {"saxphone": "saxophone"}
        instruments = [spelt.get(name, name) for name in instruments]
    return check_choices("instruments", instruments, _SPELLINGS)


def _check_pieces(pieces):
    if pieces is None:
        return None
    if isinstance(pieces, str) or not len(pieces):
        raise ValueError(f"pieces must be a non-empty list of numbers, got {pieces!r}")
    for piece in pieces:
        if not isinstance(piece, Integral) or not 1 <= piece <= 10:
            raise ValueError(f"pieces must be integers from 1 to 10, got {piece!r}")
    if len(set(pieces)) < len(pieces):
        raise ValueError(f"pieces holds a number twice: {list(pieces)}")
    return [int(piece) for piece in pieces]


def _stem_path(piece_folder, instrument):
    spellings = _SPELLINGS[instrument]
    paths = [piece_folder / f"{piece_folder.name}-{name}.wav" for name in spellings]
    for path in paths:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"instruments: no recording of the {instrument}: {paths[0]}"
    )


def _check_complete(path):
    """Compare the length that a RIFF header announces with that of the file.

    libsndfile reads what there is of a truncated file, without a word.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if len(head) == 8 and head[:4] == b"RIFF":
        announced = 8 + struct.unpack("<I", head[4:])[0]
        if announced > path.stat().st_size:
            raise ValueError(
                f"{path} is truncated: its header announces {announced} bytes, the "
                f"file has {path.stat().st_size}"
            )


def _read_stem(path):
    """Read one instrument of one piece, ndarray of shape (n_times,)."""
    soundfile = import_extra("soundfile", "audio")
    _check_complete(path)
    try:
        x, sfreq = soundfile.read(path, dtype="float64")
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} is no readable WAV file: {error}") from error
    if sfreq != _SFREQ:
        raise ValueError(f"{path} has {sfreq} samples per second, expected {_SFREQ}")
    if x.ndim != 1:
        raise ValueError(f"{path} has {x.shape[1]} channels, expected 1")
    return x


def _read_piece(piece_folder, instruments, sfreq):
    """Read the instruments of a piece, float32 ndarray (n_components, n_times)."""
    paths = [_stem_path(piece_folder, instrument) for instrument in instruments]
    stems = [_read_stem(path) for path in paths]
    for path, stem in zip(paths, stems, strict=True):
        if len(stem) != len(stems[0]):
            raise ValueError(
                f"{path} has {len(stem)} samples but {paths[0]} has {len(stems[0])}: "
                "one of them is truncated"
            )
    return resample(np.stack(stems), _SFREQ, sfreq).astype(np.float32)


def _cut_piece(name, stems, n_times, hop):
    """Cut a piece, float32 ndarray of shape (n_windows, n_components, n_times)."""
    n_total = stems.shape[1]
    if n_times > n_total:
        raise ValueError(
            f"window: {n_times} samples are more than the {n_total} of piece {name}"
        )
    return cut_windows(stems, window_starts(n_total, n_times, hop), n_times)


@validate_params(
    {
        "folder": [str, os.PathLike, None],
        "instruments": ["array-like"],
        "pieces": ["array-like", None],
        "sfreq": [Interval(Integral, 1, None, closed="left")],
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
    """Load mixtures of Bach10 instruments, with the recordings they are made of.

    Bach10 [1]_ holds ten chorales in four parts, each part recorded alone. A mixture
    is the sum of the chosen instruments only. Needs ``soundfile``, and the data set
    in its original layout, ``NN-Title/NN-Title-instrument.wav``.

    Parameters
    ----------
    folder : str, path-like or None, default=None
        The folder with the pieces, or its parent that holds it as ``bach10``. ``None``
        means ``$SKLEARN_CASS_DATA``.
    instruments : list of str, default=("bassoon", "saxophone")
        The components, in this order: one or more of "violin", "clarinet",
        "saxophone" and "bassoon". The files' own "saxphone" is understood too.
    pieces : list of int or None, default=None
        Numbers of the pieces, 1 to 10; ``None`` means all that the folder has.
    sfreq : int, default=22050
        Sampling frequency of the result in Hz; the files have 44100.
    window : float or None, default=1.0
        Length of a window in seconds. What remains at a piece's end is left out.
        ``None`` gives whole recordings.
    hop : float or None, default=None
        Seconds from one window to the next; ``None`` means `window`, no overlap.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_windows, n_times)
            Mixtures, float32: exactly ``target.sum(axis=1)``. With ``window=None`` a
            list of one ndarray of shape (n_times,) per piece.
        target : ndarray of shape (n_windows, n_components, n_times)
            Components (sources), float32. With ``window=None`` a list of one ndarray
            of shape (n_components, n_times) per piece.
        component_names : list of str
            The instruments.
        sfreq : int
            Sampling frequency in Hz.
        groups : ndarray of int of shape (n_windows,)
            Number of the piece that a row was cut from; with ``window=None`` of shape
            (n_pieces,).
        piece_names : list of str
            Names of the loaded pieces, such as "01-AchGottundHerr".
        DESCR : str
            Description of the data.

    Raises
    ------
    FileNotFoundError
        If the folder, a piece or the recording of an instrument is missing.
    ValueError
        If an argument is wrong; if a file is truncated, unreadable, not mono or not at
        44100 Hz, or differs in length from the others of its piece (the message names
        it); if a window is longer than a piece; if there is no folder to look in.
    ImportError
        If ``soundfile`` is not installed.

    References
    ----------
    .. [1] Z. Duan, B. Pardo, C. Zhang, "Multiple fundamental frequency estimation by
       modeling spectral peaks and non-peak regions", IEEE Transactions on Audio,
       Speech, and Language Processing 18(8), 2121-2133, 2010.

    Examples
    --------
    >>> from sklearn_cass.datasets import load_bach10
    >>> bach = load_bach10("bach10", pieces=[1, 2])  # doctest: +SKIP
    >>> bach.target.shape  # doctest: +SKIP
    (65, 2, 22050)
    """
    instruments = _check_instruments(instruments)
    folders = _piece_folders(data_folder(folder, "bach10"), _check_pieces(pieces))
    target = [_read_piece(path, instruments, sfreq) for path in folders.values()]
    groups = np.array(list(folders))
    names = [path.name for path in folders.values()]
    if window is None:
        data = [stems.sum(axis=0) for stems in target]
    else:
        n_times = seconds_to_samples("window", window, sfreq)
        step = n_times if hop is None else seconds_to_samples("hop", hop, sfreq)
        target = [
            _cut_piece(name, stems, n_times, step)
            for name, stems in zip(names, target, strict=True)
        ]
        groups = np.repeat(groups, [len(rows) for rows in target])
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
