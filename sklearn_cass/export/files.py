"""Files of other formats: programs of separators, their metadata, and their writing."""

import copy
import io
import json
import logging
import os
import warnings
from contextlib import contextmanager
from importlib import import_module

import torch

from ..data import SPECTROGRAM, WAVEFORM
from ..numeric import one_thread_each, usual_torch
from ..persistence import versions, write_atomically
from .modules import ExportedSeparator

# Messages about packages that the networks do not use.
NOISY_LOGGER = "torch.onnx._internal.exporter._registration"
NAMES = {"input_names": ["mixtures"], "output_names": ["estimates"]}
ANY_BATCH = ({0: torch.export.Dim("batch")},)


def export(separator, path, format):
    """Write a fitted separator to a file: see ``AESeparator.export``."""
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format must be one of {sorted(FORMATS)}, got {format!r}")
    check_domains(separator.domains_)
    check_filter(separator.filter_)
    check_folder(path)
    with usual_torch(), one_thread_each(), quiet(), torch.no_grad():
        data = FORMATS[format](program_of(separator), metadata_of(separator))
    write_atomically(path, data)


def check_domains(domains):
    """Raise a ValueError for components that no real-valued graph returns."""
    if domains.y_domain == SPECTROGRAM:
        raise ValueError(
            "a separator of complex spectrograms cannot be exported: pass waveforms as "
            "y to fit; X may be waveforms or a Spectrogram"
        )


def check_filter(filter):
    """Raise a ValueError for filters, which are no part of exported files."""
    if filter is not None:
        raise ValueError(
            f"a separator with filter={filter} cannot be exported: filter X and y, "
            "pass them to fit without filter, and filter recordings likewise before "
            "the exported file takes them"
        )


def check_folder(path):
    """Raise an OSError, before networks are traced, if there is no such folder."""
    folder = os.path.dirname(os.path.realpath(os.path.expanduser(path)))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"path: there is no folder {folder!r}")


def program_of(separator):
    """Return a fitted separator as a program of torch, for batches of any size."""
    domains, net = separator.domains_, separator.net_
    networks = copy.deepcopy(net.module_).cpu().requires_grad_(False)
    module = ExportedSeparator(
        networks, domains, net.representation, separator.n_components_
    ).eval()
    example = torch.ones(2, *domains.window_shape)  # one row would be a constant
    try:
        program = torch.export.export(module, (example,), dynamic_shapes=ANY_BATCH)
    except Exception as error:  # a user's module may raise anything
        raise ValueError(not_exported(networks, error)) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    return program


def not_exported(networks, error):
    """Return the message for networks that cannot be traced."""
    names = sorted({type(part).__name__ for part in networks.parts()})
    reason = str(error).strip().split("\n")[0]
    return (
        f"network: the modules {', '.join(names)} cannot be exported, because "
        f"torch.export cannot trace them for batches of any size: {reason}"
    )


def metadata_of(separator):
    """Return what users of a file have to know, as texts."""
    domains = separator.domains_
    is_waveform = domains.y_domain == WAVEFORM
    values = {
        "sklearn_cass_version": versions()["sklearn-cass"],
        "sfreq": separator.sfreq_,
        "component_names": separator.component_names_.tolist(),
        "n_times": domains.n_times if is_waveform else None,
        "mixture_shape": list(domains.window_shape),
        "component_shape": list(domains.y_shape),
    }
    return {name: json.dumps(value) for name, value in values.items()}


def as_torch(program, metadata):
    """Return a program as the content of a file for ``torch.export.load``."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files=metadata)
    return file.getvalue()


def as_onnx(program, metadata):
    """Return a program as the content of an ONNX file."""
    for name in ("onnx", "onnxscript"):
        check_installed(name)
    settings = {"dynamo": True, "verbose": False, "dynamic_shapes": ANY_BATCH}
    try:
        converted = torch.onnx.export(program, **settings, **NAMES)
    except Exception as error:  # of many types, some of them private
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"network: torch.onnx cannot convert these networks to ONNX: {reason}"
        ) from error
    for node in converted.model.graph.all_nodes():
        node.metadata_props.clear()  # where it was traced, longer than the weights
    converted.model.metadata_props.update(metadata)
    return converted.model_proto.SerializeToString()


FORMATS = {"onnx": as_onnx, "torch": as_torch}


def check_installed(name):
    """Raise an ImportError that says how to install a package."""
    try:
        import_module(name)
    except ImportError as error:
        raise ImportError(
            f'format="onnx" needs {name}: pip install "sklearn-cass[export]"'
        ) from error


@contextmanager
def quiet():
    """Suppress warnings of torch's exporters, which are about their own code."""
    logger = logging.getLogger(NOISY_LOGGER)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
