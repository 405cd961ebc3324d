"""Fitted separators from files, which are data alone."""

import os
import warnings

import torch
from skorch.history import History

from ..files import read, tree_of
from ..net import CASSNet
from ..nn import Autoencoders, Discriminators
from ._ae import AESeparator
from ._cass import CASSSeparator, RegularCASSSeparator
from ._domains import Domains
from ._gan import GANSeparator
from ._save import KIND
from ._validation import check_device, use_bfloat16
from ._values import decode, is_own_network

OWN = {
    cls.__name__: cls
    for cls in (AESeparator, RegularCASSSeparator, CASSSeparator, GANSeparator)
}
PACKAGE = __name__.rpartition(".")[0] + "."
NETWORKS = ("encoder", "decoder", "discriminator")


def load(path, *, cls=None, encoder=None, decoder=None, discriminator=None):
    """Read a separator that ``save`` wrote.

    The file is data alone (safetensors and JSON): reading it runs no code of its
    writer's, whoever that is.

    Parameters
    ----------
    path : path-like
        The file.
    cls : type, default=None
        Class of the separator; the file must be of that class. None takes one of the
        package's own by its name; a class of your own must be handed in.
    encoder, decoder, discriminator : type, default=None
        Network classes of your own that the separator was made with; the error
        message names those that the file needs.

    Returns
    -------
    separator : AESeparator
        The fitted separator, on its device where that is there, else on the CPU.
        Its parameters are those of the saved one but for ``callbacks``; a fit with
        ``warm_start`` goes on from its weights with fresh optimizers.

    Raises
    ------
    OSError
        If there is no file to read.
    ValueError
        If the file is damaged, not of this kind, from a later version, of another
        class than ``cls``, or needs classes that were not handed in.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sklearn_cass import AESeparator, load
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> separator = AESeparator(n_filters=4, max_epochs=1, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "separator.safetensors")
    ...     separator.save(path)
    ...     loaded = load(path)
    >>> bool((loaded.transform(X) == separator.transform(X)).all())
    True
    """
    header, tensors = read(path, KIND)
    given = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
    separator = object_of(path, header, cls, given)
    for name, value in header["learned"].items():
        setattr(separator, name, decode(value))
    fields = {name: decode(value) for name, value in header["domains"].items()}
    separator.domains_ = Domains(**fields)
    net = net_of(header["net"], separator.device, given)
    for role, module in net.trained_modules().items():
        put_into(path, role, module, tensors)
    net.history = History(decode(tree_of(tensors["history"])))
    # "auto" is what this machine makes of it
    net.autocast = use_bfloat16(separator.precision, torch.device(net.device))
    separator.net_, separator.history_ = net, net.history
    separator.n_iter_ = len(net.history)
    return separator


def object_of(path, header, cls, given):
    """The separator with its parameters, not yet fitted."""
    module, name = header["separator"]
    if cls is None and module.startswith(PACKAGE):
        cls = OWN.get(name)
    if cls is None or cls.__qualname__ != name:
        raise ValueError(
            f"{os.fspath(path)!r} holds a {name} of {module}, got "
            f"cls={getattr(cls, '__qualname__', cls)}: pass that class as cls"
        )
    check_networks(path, header["parameters"] | header["net"], given)
    parameters = {
        key: decode(value, given=given.get(key))
        for key, value in header["parameters"].items()
    }
    parameters["device"] = there(parameters["device"])
    return cls(**parameters)


def check_networks(path, values, given):
    """Classes that the file only names must be handed in."""
    missing = set()
    for key, value in values.items():
        role = key.rpartition("__")[2]
        if role in NETWORKS and given[role] is None:
            if not is_own_network(value["class"]):
                module, name = value["class"]
                missing.add(f"{role}={name} of {module}")
    if missing:
        raise ValueError(
            f"{os.fspath(path)!r} was made with networks of its user's own: pass "
            f"{' and '.join(sorted(missing))} to load"
        )


def there(device):
    """The device a separator was trained on, or the CPU."""
    try:
        check_device(device)
    except ValueError as error:
        warnings.warn(f"loaded onto the CPU: {error}", UserWarning, stacklevel=4)
        return "cpu"
    return device


def net_of(settings, device, given):
    """An initialized net of those settings."""
    settings = {
        name: decode(value, given=given.get(name.rpartition("__")[2]))
        for name, value in settings.items()
    }
    if "magnitude" in settings:  # files written before "phase-sensitive"
        magnitude = settings.pop("magnitude")
        settings["representation"] = "magnitude" if magnitude else "complex"
    discriminators = None
    if any(name.startswith("discriminators__") for name in settings):
        discriminators = Discriminators
    net = CASSNet(
        Autoencoders,
        discriminators=discriminators,
        device=str(check_device(device)),
        callbacks=None,
        verbose=0,
        **settings,
    ).initialize()
    net.callbacks_ = []
    return net


def put_into(path, role, module, tensors):
    """The file's tensors into a module of the same shapes."""
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
            f"{os.fspath(path)!r} does not fit the networks it is to be put into; was "
            f"it saved with other classes? ({error})"
        ) from error
