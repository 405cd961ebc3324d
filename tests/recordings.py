"""Small recordings in the formats of the loaders, and damaged copies of them."""

import struct

import numpy as np

N_TIMES = 720  # of a small recording
# Values that no reader may take at its word.
WORDS = (
    *("", "0", "-1", "1", "2", "3", "1.5", "1e9", "1e999", "nan", "inf", "abc", "~"),
    *("99999999", "9" * 40, "2147483648", "../x", "a/b", "x" * 400, "0/uV", "200/V"),
    *("1e-320", "200(5)/uV", "200/degC", "16x3", "16:5", "16+999", "16x0", "524", "61"),
)


def write_wfdb(folder, header, values, name="100"):
    """Write a header, and the values of one signal file in format 16."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.hea").write_bytes(header.encode())
    np.asarray(values, "<i2").tofile(folder / f"{name}.dat")
    return folder / name


def wfdb_header(line="100.dat 16 200 11 0 {first} {total} 0 MLII", values=(), n=1):
    """Return the header of signals that are all alike."""
    line = line.format(first=int(values[0]), total=int(np.sum(values)) % 2**16)
    return f"100 {n} 360 {len(values)}\n" + f"{line}\n" * n


def edf_bytes(values, label="Direct_1", unit="uV", **fields):
    """Return an EDF file of one signal at 1000 Hz, in records of a second."""
    values = np.asarray(values, "<i2")
    defaults = {
        "version": "0", "patient": "X", "recording": "X", "date": "01.01.11",
        "time": "00.00.00", "n_header": 512, "reserved": "",
        "n_records": len(values) // 1000, "duration": 1, "n_signals": 1,
        "label": label, "transducer": "", "unit": unit, "physical_min": -3276.8,
        "physical_max": 3276.7, "digital_min": -32768, "digital_max": 32767,
        "prefiltering": "", "n_values": 1000, "signal_reserved": "",
    }  # fmt: skip
    texts = [str(value) for value in (defaults | fields).values()]
    widths = (8, 80, 80, 8, 8, 8, 44, 8, 8, 4, 16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
    padded = (text[:w].ljust(w) for text, w in zip(texts, widths, strict=True))
    return "".join(padded).encode("latin-1") + values.tobytes()


def damaged_text(rng, text):
    """Return a text with a field, a line or a few bytes changed."""
    kind, lines = rng.integers(6), text.splitlines()
    at = rng.integers(len(lines))
    if kind < 3:
        words = lines[at].split(" ")
        words[rng.integers(len(words))] = WORDS[rng.integers(len(WORDS))]
        lines[at] = " ".join(words)
    elif kind == 3:
        lines[at : at + 1] = [lines[at]] * int(rng.integers(3))
    elif kind == 4:
        return damaged_bytes(rng, text.encode(), len(text))
    else:
        return text.encode()[: rng.integers(len(text))]
    return "\n".join(lines).encode()


def damaged_bytes(rng, content, n_header):
    """Return a file with a few bytes of its header changed, or cut off."""
    content = bytearray(content)
    if rng.integers(4) == 0:
        return bytes(content[: rng.integers(len(content))])
    for at in rng.integers(n_header, size=rng.integers(1, 4)):
        content[at] = rng.integers(256)
    return bytes(content)


def damaged_edf(rng, content):
    """Return an EDF file with a field of its header, or a few bytes, changed."""
    if rng.integers(3) == 0:
        return damaged_bytes(rng, content, 512)
    starts = [0, 168, 176, 184, 192, 236, 244, 252, 256, 352, 360, 368, 376, 384, 472]
    at = starts[rng.integers(len(starts))]
    width = 4 if at == 252 else 8
    word = [*WORDS, "EDF+D", "EDF+C", "mV"][rng.integers(len(WORDS) + 3)]
    word = word[:width].ljust(width).encode()
    return content[:at] + word + content[at + width :]


def damaged_wav(rng, content):
    """Return a WAV file with a number of its header, or a few bytes, changed."""
    if rng.integers(2):
        return damaged_bytes(rng, content, 44)
    number = (0, 1, 2, 3, 6, 17, 85, 2**16 - 1, 2**31, 2**32 - 1)[rng.integers(10)]
    at, width = ((4, "I"), (16, "I"), (20, "H"), (22, "H"), (24, "I"), (28, "I"),
                 (32, "H"), (34, "H"), (40, "I"))[rng.integers(9)]  # fmt: skip
    packed = struct.pack("<" + width, number & (2 ** (8 * struct.calcsize(width)) - 1))
    return content[:at] + packed + content[at + len(packed) :]
