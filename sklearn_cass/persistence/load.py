"""Load fitted estimators from files, which hold data alone."""

import copy
import os
from contextlib import contextmanager

import torch
from sklearn.pipeline import Pipeline
from torch.nn.parameter import is_lazy

from ..nn import Autoencoders, BiLSTM, ResNet9
from ..numeric import one_thread_each, usual_torch
from ..numeric.warning import warn_user
from ..training.devices import check_device
from ..training.history import EpochHistory
from ..training.parameters import use_bfloat16
from ..training.seeding import seeded
from .arrays import decode_arrays
from .codec import by_reference, decode_state, unknown_names
from .description import (
    PIPELINE,
    VERSIONS,
    check_agreement,
    check_learned,
    check_parameters,
    decode_domains,
    decode_net,
    decode_parameters,
    decode_transformer,
    describe_header,
)
from .fields import described, expect, named
from .file_format import open_content, tree_from_tensor
from .save import not_saved
from .state import check_history
from .weights import check_finite, table_of

SEPARATORS: dict = {}  # classes that files may name, by module and name
HISTORY = "history"
OWN_NETWORKS = (BiLSTM, ResNet9)  # their modules hold nothing but weights


def register(*classes):
    """Allow files to name separator classes of this package."""
    SEPARATORS.update(by_reference(classes))


@usual_torch()
@one_thread_each()
def load(path, *, classes=()):
    """Load an estimator that :func:`save` wrote.

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
    estimator : separator, STFTTransformer or Pipeline
        The fitted estimator: a separator with networks on its device if available, else
        on the CPU. Its parameters are those of the saved one but for ``callbacks`` and
        ``checkpoint``; a fit with ``warm_start`` continues from its weights with new
        optimizers. A separator that was fitted on a :class:`Spectrogram`, in a
        pipeline, takes waveforms, too.

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
    known = by_reference(classes)
    with open_content(path, *READERS) as content, naming(path):
        expect(isinstance(content.header, dict), "an object", content.header)
        header = dict(content.header)
        described({"versions": header.pop("versions", None)}, VERSIONS)
        return READERS[content.kind](header, content, known)


@contextmanager
def naming(path):
    """Prefix errors of a file's content with its path."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        name = repr(os.fspath(path))
        message = str(error)
        message = message if message.startswith(name) else f"{name}: {error}"
        raise ValueError(message) from error


# Transformer and pipeline ------------------------------------------------------------


def read_transformer(header, content, known):
    """Return the transformer of an open file, which has no tensors."""
    expect(not content.table, "no tensors", sorted(content.table))
    content.tensors()  # compares the checksum
    return decode_transformer(header)


def read_pipeline(header, content, known):
    """Return the pipeline of an open file."""
    fields = described(header, PIPELINE)
    with named("separator"):
        separator = read_separator(fields["separator"], content, known)
    stft = fields["transformer"]
    check_agreement(stft, separator)
    pipeline = Pipeline([*zip(fields["names"], (stft, separator), strict=True)])
    pipeline.set_params(verbose=fields["verbose"])
    with named("names"):
        pipeline._validate_names(fields["names"])
    return pipeline


# Separator ---------------------------------------------------------------------------


def read_separator(header, content, known):
    """Return the separator of an open file."""
    header = describe_header(header)
    separator = build_separator(header, known)
    if "net" in header:
        return read_net(separator, header["net"], content, known)
    decode_arrays(separator, content)
    return separator


def build_separator(header, known):
    """Return the separator without its arrays or net."""
    cls = separator_class(header, known)
    with named("parameters"):
        parameters = header["parameters"] | not_saved(cls)
        separator = cls(**decode_parameters(cls, parameters, known))
        check_parameters(separator)
    if hasattr(separator, "device"):
        separator.device = available_device(separator.device)
    with named("domains"):
        separator.domains_ = decode_domains(header["domains"])
    with named("learned"):
        check_learned(header["learned"], separator.domains_)
    for name, value in header["learned"].items():
        setattr(separator, name, value)
    return separator


def read_net(separator, header, content, known):
    """Set the net of a separator from an open file; return the separator."""
    with named("net"):
        network, settings = decode_net(header, known, separator.n_components_)
        fitted = copy.copy(separator)  # as it was in `fit`
        representation = settings["representation"]
        fitted._settings = {"network": network, "representation": representation}
        settings |= fitted._modules()
    modules = build_modules(settings, content.table)
    tensors = content.tensors()
    load_weights(modules, tensors)
    net = build_net(separator, settings, modules)
    with named(HISTORY):
        net.history = decode_history(tensors[HISTORY])
    separator.net_, separator.history_ = net, net.history
    separator.n_iter_ = len(net.history)
    return separator


def separator_class(header, known):
    """Return the class of the separator; all names that are unknown are reported."""
    name = tuple(header["separator"])
    missing = unknown_names([header["parameters"], header.get("net")], known)
    cls = {**SEPARATORS, **known}.get(name)
    if cls is None:
        missing.add(f"{name[1]} of {name[0]}")
    if missing:
        raise ValueError(
            "the separator was made with classes or functions that are not part of "
            f"sklearn_cass: pass {' and '.join(sorted(missing))} in `classes`"
        )
    is_separator = isinstance(cls, type) and issubclass(cls, tuple(SEPARATORS.values()))
    expect(is_separator, "a class of separators", name)
    has_net = hasattr(cls, "_net_class")
    expect(has_net == ("net" in header), f"what {name[1]} learns", sorted(header))
    return cls


def available_device(device):
    """Return the device, or the CPU with a warning if it is not available."""
    try:
        check_device(device)
    except ValueError as error:
        warn_user(f"loaded onto the CPU: {error}")
        return "cpu"
    return device


# Networks ----------------------------------------------------------------------------


def build_modules(settings, table):
    """Return networks for the tensors of a file, by role.

    What the file has is compared first with networks without memory, and with the
    number of components: a small file cannot ask for large networks.

    Parameters
    ----------
    settings : dict
        Parameters of the net, those of its modules included.
    table : dict
        Types and shapes of the file's tensors by name.

    Returns
    -------
    modules : dict of str to torch.nn.Module
        The networks; those of this package have no memory yet.
    """
    roles = {"autoencoders": Autoencoders}
    if "discriminators" in settings:
        roles["discriminators"] = settings["discriminators"]
    names = ("n_components", "shape", "network")
    arguments = [settings[f"module__{name}"] for name in names]
    check_names(roles, table)
    return {
        role: build_module(make, arguments, tensors_of(role, table), settings["seed"])
        for role, make in roles.items()
    }


def check_names(roles, table):
    """Raise a ValueError if there are tensors that belong to nothing."""
    known = (HISTORY, *(f"{role}." for role in roles))
    unknown = sorted(name for name in table if not name.startswith(known))
    expect(not unknown, f"tensors of {', '.join(known)} alone", unknown)
    expect(HISTORY in table, "a history", sorted(table))


def tensors_of(role, tensors):
    """Return the entries of a role, by their names in its module."""
    prefix = f"{role}."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def build_module(make, arguments, table, seed):
    """Return the networks of one role, which fit a table of tensors."""
    n_components, shape, network = arguments
    expect(n_components <= len(table), f"weights of {n_components} components", table)
    one = without_memory(make, 1, shape, network)
    if one is not None:
        compare_each(one, n_components, table)
    if type(network) in OWN_NETWORKS:
        return without_memory(make, *arguments)
    # other classes may hold more than their weights, and may not do without memory
    with seeded(seed), errors_of_networks():
        return make(*arguments, check=one is None)


def without_memory(make, n_components, shape, network):
    """Return networks whose tensors have shapes alone; None where that is unknown."""
    try:
        with torch.device("meta"), errors_of_networks():
            module = make(n_components, shape, network, check=False)
    except ValueError:
        if type(network) in OWN_NETWORKS:
            raise
        return None
    is_known = not any(map(is_lazy, module.state_dict().values()))
    # as in training, whatever torch's default
    return module.to(torch.float32) if is_known else None


@contextmanager
def errors_of_networks():
    """Convert errors of networks that cannot be made to a ValueError."""
    try:
        yield
    except Exception as error:  # a user's module may raise anything
        raise ValueError(f"the networks cannot be made: {error}") from error


def compare_each(one, n_components, table):
    """Raise a ValueError unless a table holds the tensors of so many components.

    Parameters
    ----------
    one : nn.ModuleList
        Networks of one component.
    n_components : int
        Number of components.
    table : dict
        Types and shapes of tensors by name.
    """
    wanted = {n.removeprefix("0."): t for n, t in table_of(one.state_dict()).items()}
    fits = n_components * len(wanted) == len(table) and all(
        table.get(f"{k}.{name}") == entry
        for k in range(n_components)
        for name, entry in wanted.items()
    )
    if not fits:
        raise ValueError(
            f"the weights do not fit the networks of {n_components} components that "
            "the file describes; were they saved with other classes?"
        )


def load_weights(modules, tensors):
    """Load the file's tensors, which must be finite, into modules."""
    for role, module in modules.items():
        state = tensors_of(role, tensors)
        check_finite(state, dict(module.named_parameters()))
        has_memory = not any(p.is_meta for p in module.parameters())
        try:
            module.load_state_dict(state, assign=not has_memory)
        except RuntimeError as error:
            raise ValueError(
                "the weights do not fit the networks; were they saved with other "
                f"classes? ({error})"
            ) from error


def build_net(separator, settings, modules):
    """Return a net with trained modules and new optimizers."""
    device = check_device(separator.device)
    net = separator._net_class(
        Autoencoders, device=str(device), callbacks=None, verbose=0, **settings
    )
    net.initialize_with(modules)
    net.callbacks_ = []
    # "auto" depends on this machine
    net.autocast = use_bfloat16(separator.precision, device)
    return net


def decode_history(tensor):
    """Return the history, one object for each epoch."""
    return EpochHistory(check_history(decode_state(tree_from_tensor(tensor), {})))


READERS = {
    "separator": read_separator,
    "pipeline": read_pipeline,
    "transformer": read_transformer,
}
