"""Units of voltages, which EDF and WFDB files state: recordings are brought to one."""

from collections import Counter
from dataclasses import replace

from ._recordings import index_of_channel

# powers of ten by unit in lower case; the two signs of "micro" are different characters
EXPONENTS = {"v": 0, "mv": -3, "uv": -6, "\xb5v": -6, "\u03bcv": -6, "nv": -9}


def in_one_unit(groups, channel, messages):
    """Return recordings of voltages in the unit of the first one.

    Parameters
    ----------
    groups : dict of str to list of Recording
        The recordings.
    channel : str or None
        The channel to be used, None, "all" or "mean" for all of them. Others stay as
        they are.
    messages : Messages
        Where to tell what is converted.

    Returns
    -------
    groups : dict of str to list of Recording
        The same recordings; those without such units are not changed.
    """
    recordings = [recording for group in groups.values() for recording in group]
    units = [unit for r in recordings for unit in units_used(r, channel)]
    unit = next((unit for unit in units if exponent(unit) is not None), None)
    converted = Counter()
    for recording in recordings:
        of = set(units_used(recording, channel))
        converted.update(other for other in of if differs(other, unit))
    for other, count in converted.items():
        name = "recording is" if count == 1 else "recordings are"
        messages.say(f"{count} {name} converted from {other} to {unit}")
    return {
        name: [in_unit(recording, unit, channel) for recording in group]
        for name, group in groups.items()
    }


def exponent(unit):
    """Return the power of ten of a unit of voltage, None of other units."""
    return EXPONENTS.get(unit.strip().lower())


def differs(unit, wanted):
    """Return whether a unit of voltage is another one than wanted, by its value."""
    return exponent(unit) is not None and exponent(unit) != exponent(wanted)


def channels_used(recording, channel):
    """Return the indices of the channels that a choice may use."""
    if channel in (None, "all", "mean"):
        return range(len(recording.channels))
    return [index_of_channel(recording, channel)]


def units_used(recording, channel):
    """Return the units of the channels that a choice may use; sound has none."""
    units = recording.details.get("units")
    return [units[k] for k in channels_used(recording, channel)] if units else []


def in_unit(recording, unit, channel):
    """Return a recording whose voltages are converted to a unit."""
    units, factors = list(recording.details.get("units", ())), {}
    for k in channels_used(recording, channel) if units else ():
        if differs(units[k], unit):
            factors[k] = 10.0 ** (exponent(units[k]) - exponent(unit))
            units[k] = unit
    if not factors:
        return recording
    details = recording.details | {"units": units, "factors": factors}
    return replace(recording, details=details)
