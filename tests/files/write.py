"""Write the files of this folder, once for each version of the format."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from cases import FAST, make_mixtures

from sklearn_cass import (
    CASSSeparator,
    FilterTransformer,
    Remix,
    ResNet9,
    STFTTransformer,
)
from sklearn_cass.persistence.file_format import VERSION

SETTINGS = FAST | {
    "network": ResNet9(1, 1, output="mask"),
    "cross_weights": [[0, 0.1], [0, 0]],
    "stft": STFTTransformer(n_fft=8, window=("kaiser", 8.0)),
    "precision": "float32",
    "remix": Remix(sign=True, gain=(-6, 6), noise="white"),
}
FILTER = FilterTransformer(band=(None, 40), sfreq=100)

if __name__ == "__main__":
    X, y = make_mixtures(8, n_times=32)
    separator = CASSSeparator(**SETTINGS).fit(X, y, filter=FILTER)
    separator.set_params(precision="auto")
    path = Path(__file__).with_name(f"cass-format-{VERSION}.safetensors")
    separator.save(path)
    np.save(path.with_name(f"{path.stem}-estimates.npy"), separator.transform(X))
