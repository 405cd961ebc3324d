"""Save fitted estimators without pickle."""

import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..numeric.warning import warn_user
from ..stft import STFTTransformer
from .arrays import encode_arrays
from .codec import encode
from .description import (
    check_parameters,
    check_steps,
    encode_domains,
    encode_learned,
    encode_net,
    encode_parameters,
    encode_transformer,
)
from .file_format import tree_tensor, write


def save(estimator, path):
    """Write a fitted separator, transformer, or pipeline of the two to a file.

    The file is a safetensors file: learned arrays and weights, and in its header the
    parameters, shapes, component names and library versions as JSON. It contains no
    pickle; :func:`load` reads it. An existing file is replaced in one step: a crash
    leaves it in place.

    Parameters
    ----------
    estimator : separator, STFTTransformer or Pipeline
        The fitted estimator: a separator of this package or a class derived from one,
        an :class:`STFTTransformer`, or a pipeline of these two steps.
    path : path-like
        The file.

    Raises
    ------
    NotFittedError
        If ``fit`` has not been called.
    OSError
        If the file cannot be written.
    TypeError
        If the estimator is of another kind, or if a parameter, or a network of one's
        own, holds a value that JSON or safetensors cannot hold.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    The parameters ``callbacks`` and ``checkpoint`` of a separator, and ``memory`` of a
    pipeline, are not saved: the loaded estimator has None.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_cass import NMFSeparator, STFTTransformer, load, save
    >>> y = np.random.default_rng(0).normal(size=(8, 2, 64))
    >>> X = y.sum(axis=1)
    >>> pipeline = make_pipeline(STFTTransformer(n_fft=16), NMFSeparator(n_atoms=2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pipeline.safetensors")
    ...     save(pipeline.fit(X, y), path)
    ...     loaded = load(path)
    >>> bool((loaded.transform(X) == pipeline.transform(X)).all())
    True
    """
    describe, kind = describer(estimator)
    check_is_fitted(estimator)
    header, tensors = describe(estimator)
    write(path, kind, header, tensors)


def describer(estimator):
    """Return the function that describes an estimator, and the kind of its file."""
    if isinstance(estimator, Pipeline):
        return describe_pipeline, "pipeline"
    if type(estimator) is STFTTransformer:
        return describe_transformer, "transformer"
    if hasattr(estimator, "_saved_arrays"):
        return describe_separator, "separator"
    if hasattr(estimator, "best_estimator_"):
        raise TypeError(
            f"a file cannot hold a {type(estimator).__name__}: save its best_estimator_"
        )
    raise TypeError(
        f"a file cannot hold a {type(estimator).__name__}, but a separator, an "
        "STFTTransformer, or a Pipeline of the two"
    )


def describe_pipeline(pipeline):
    """Return header and tensors of a pipeline."""
    names, steps = zip(*pipeline.steps, strict=True)
    stft, separator = check_steps(steps)
    check_is_fitted(stft)
    separator, tensors = describe_separator(separator)
    stft, _ = describe_transformer(stft)
    steps = {"names": list(names), "transformer": stft, "separator": separator}
    return steps | {"verbose": bool(pipeline.verbose)}, tensors


def describe_transformer(stft):
    """Return header and tensors of a transformer: it has none of them."""
    return encode_transformer(stft), {}


def describe_separator(separator):
    """Return header and tensors of a separator."""
    check_parameters(separator)  # `load` would refuse them
    cls = type(separator)
    header = {
        "separator": [cls.__module__, cls.__qualname__],
        "parameters": encode_parameters(saved_parameters(separator)),
        "learned": encode_learned(separator),
        "domains": encode_domains(separator.domains_),
    }
    if not hasattr(separator, "net_"):
        return header, encode_arrays(separator)
    header["net"] = encode_net(separator.net_)
    history = encode(separator.history_.to_list())
    return header, weights_of(separator.net_) | {"history": tree_tensor(history)}


def weights_of(net):
    """Return the weights of a net by role and name."""
    return {
        f"{role}.{name}": tensor
        for role, module in net.trained_modules().items()
        for name, tensor in state_tensors(module).items()
    }


def saved_parameters(separator):
    """Return the constructor's parameters but callbacks, which can be anything.

    The folder of a training is of no use to whoever loads the separator.
    """
    parameters = separator.get_params(deep=False)
    if parameters.get("callbacks"):
        warn_user(
            "callbacks are not saved: set them on the loaded separator with set_params "
            "before it is fitted again"
        )
    return parameters | not_saved(type(separator))


def not_saved(cls):
    """Return the parameters of a class of separators that are None in files."""
    names = {"callbacks", "checkpoint"} & set(cls._get_param_names())
    return dict.fromkeys(names)


def state_tensors(module):
    """Return the module's state, which must hold tensors alone."""
    state = module.state_dict()
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(
                f"the networks' state {name!r} is of type {type(value).__name__}; only "
                "tensors can be saved"
            )
    return state
