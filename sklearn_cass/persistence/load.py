"""Load fitted separators from files, which hold data alone."""

import os

import torch
from skorch.history import History

from ..data import Domains, WaveformDomains
from ..nn import Autoencoders, Discriminators
from ..numeric import usual_torch
from ..numeric.warning import warn_user
from ..training import CASSNet
from ..training.parameters import check_device, use_bfloat16
from .codec import decode, unknown_names
from .file_format import read, tree_from_tensor
from .save import KIND

SEPARATORS = {}  # classes that files may name, by module and name
DOMAINS = {cls.__name__: cls for cls in (Domains, WaveformDomains)}


def register(*classes):
    """Allow files to name separator classes of this package."""
    SEPARATORS.update({(cls.__module__, cls.__qualname__): cls for cls in classes})


@usual_torch()
def load(path, *, classes=()):
    """Load a separator that ``save`` wrote.

    The file holds data alone (safetensors and JSON). It only names classes: those of
    this package are known, others must be passed.

    Parameters
    ----------
    path : path-like
        The file.
    classes : sequence of types and functions, default=()
        Classes and functions of one's own that the separator was made with: its own
        class, networks, modules, losses, optimizers. The error message names those that
        the file needs.

    Returns
    -------
    separator : AESeparator
        The fitted separator, on its device if available, else on the CPU. Its
        parameters are those of the saved one but for ``callbacks``; a fit with
        ``warm_start`` continues from its weights with new optimizers.

    Raises
    ------
    OSError
        If there is no file to read.
    ValueError
        If the file is damaged, of another kind, from another version, or needs classes
        that were not passed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sklearn_cass import AESeparator, load
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> separator = AESeparator(max_epochs=1, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "separator.safetensors")
    ...     separator.save(path)
    ...     loaded = load(path)
    >>> bool((loaded.transform(X) == separator.transform(X)).all())
    True
    """
    header, tensors = read(path, KIND)
    known = {(c.__module__, c.__qualname__): c for c in classes}
    separator = build_separator(path, header, known)
    for name, value in header["learned"].items():
        setattr(separator, name, decode(value))
    domains = header["domains"]
    fields = {name: decode(value) for name, value in domains["fields"].items()}
    separator.domains_ = DOMAINS[domains["class"]](**fields)
    net = build_net(header["net"], separator.device, known)
    for role, module in net.trained_modules().items():
        load_weights(path, role, module, tensors)
    net.history = History(decode(tree_from_tensor(tensors["history"])))
    # "auto" depends on this machine
    net.autocast = use_bfloat16(separator.precision, torch.device(net.device))
    separator.net_, separator.history_ = net, net.history
    separator.n_iter_ = len(net.history)
    return separator


def build_separator(path, header, known):
    """Return the separator with its parameters, not yet fitted."""
    cls = {**SEPARATORS, **known}.get(tuple(header["separator"]))
    missing = unknown_names([header["parameters"], header["net"]], known)
    if cls is None:
        module, name = header["separator"]
        missing.add(f"{name} of {module}")
    if missing:
        raise ValueError(
            f"{os.fspath(path)!r} was made with classes or functions that are not part "
            f"of sklearn_cass: pass {' and '.join(sorted(missing))} in `classes`"
        )
    parameters = {
        key: decode(value, classes=known) for key, value in header["parameters"].items()
    }
    parameters["device"] = available_device(parameters["device"])
    return cls(**parameters)


def available_device(device):
    """Return the device, or the CPU with a warning if it is not available."""
    try:
        check_device(device)
    except ValueError as error:
        warn_user(f"loaded onto the CPU: {error}")
        return "cpu"
    return device


def build_net(parameters, device, known):
    """Return an initialized net with the given parameters."""
    parameters = {
        name: decode(value, classes=known) for name, value in parameters.items()
    }
    discriminators = None
    if any(name.startswith("discriminators__") for name in parameters):
        discriminators = Discriminators
    net = CASSNet(
        Autoencoders,
        discriminators=discriminators,
        device=str(check_device(device)),
        callbacks=None,
        verbose=0,
        **parameters,
    ).initialize()
    net.callbacks_ = []
    return net


def load_weights(path, role, module, tensors):
    """Load the file's tensors into a module of the same shapes."""
    prefix = role + "."
    state = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the weights in {os.fspath(path)!r} do not fit the networks; were they "
            f"saved with other classes? ({error})"
        ) from error
