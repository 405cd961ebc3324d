"""What the tables compare: separators by name, with what a setting gives them."""

from sklearn_cass import (
    AESeparator,
    CASSSeparator,
    GANSeparator,
    ICASeparator,
    NMFSeparator,
    RegularCASSSeparator,
    STFTTransformer,
)

FAMILY = ("AESeparator", "RegularCASSSeparator", "CASSSeparator")
FLOORS, CEILING = ("mixture", "zero"), "oracle ratio mask"
REFERENCES = (*FLOORS, CEILING)  # estimates that need no training
SEPARATORS = {
    cls.__name__: cls
    for cls in (
        NMFSeparator,
        ICASeparator,
        GANSeparator,
        AESeparator,
        RegularCASSSeparator,
        CASSSeparator,
    )
}
ROWS = (*FLOORS, *SEPARATORS, CEILING)  # of a table, in its order
OTHER_LABELS = {
    "NMFSeparator": "NMF",
    "ICASeparator": "ICA",
    "GANSeparator": "GAN, one network for all",
}
# entries of a setting that are about a run and no separator's
ABOUT_RUN = ("n_train_rows", "watch_every", "n_watched")


def parameters_of(name):
    """The parameters that a separator has."""
    return SEPARATORS[name]().get_params(deep=False)


def make(name, setting, **own):
    """A separator with its share of a setting; ``own`` as far as it has it."""
    check(setting)
    given = {k: v for k, v in setting.items() if k not in ABOUT_RUN} | own
    given |= setting.get(name, {})
    if given.get("stft"):
        given["stft"] = STFTTransformer(**given["stft"])
    known = parameters_of(name)
    return SEPARATORS[name](**{k: value for k, value in given.items() if k in known})


def check(setting):
    """Refuse an entry that no separator knows: a slip would change nothing."""
    known = set().union(ABOUT_RUN, SEPARATORS, *map(parameters_of, SEPARATORS))
    unknown = sorted(set(setting) - known)
    if unknown:
        raise ValueError(f"no separator has the parameters {unknown}")
