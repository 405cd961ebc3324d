"""Description of a separator's header: how each part is written and checked."""

import sys
from functools import partial

from sklearn.utils._param_validation import InvalidParameterError

from ..data import Domains, WaveformDomains
from ..data.domains import (
    IMAGE,
    N_TRAILING,
    SPECTROGRAM,
    WAVEFORM,
    component_shapes,
)
from ..nn import REPRESENTATIONS
from ..signals import FilterTransformer, fitted_filter
from ..stft import STFTTransformer
from ..training.losses import AUTOENCODER_GRADIENTS, RECONSTRUCTION_LOSSES
from ..training.parameters import check_cross_weights
from ..training.remixing import Remix
from .codec import decode, encode
from .fields import (
    anything,
    boolean,
    described,
    expect,
    integer,
    list_of,
    named,
    none_or,
    number,
    options,
    text,
)

DOMAINS = {cls.__name__: cls for cls in (Domains, WaveformDomains)}
count = integer(1)
shape = list_of(count)

# Header ------------------------------------------------------------------------------

VERSIONS = {"versions": lambda content: described_by_name(content, text())}
SEPARATOR = {
    "separator": list_of(text(), size=2),
    "parameters": lambda content: described_by_name(content),
    "domains": lambda content: described(content, DOMAIN_FIELDS),
}
# of separators with networks, and of those with arrays
OF_NETS = SEPARATOR | {
    "learned": lambda content: described(content, LEARNED, OPTIONAL),
    "net": lambda content: described(content, NET),
}
OF_ARRAYS = SEPARATOR | {
    "learned": lambda content: described(content, LEARNED | N_ITER, OPTIONAL),
}
TRANSFORMER = {"stft": lambda content: decode_stft(content)}
TRANSFORMER |= {"feature_names_in_": none_or(decode)}
PIPELINE = {
    "names": list_of(text(), size=2),
    "transformer": lambda content: decode_transformer(content),
    "separator": anything,  # described as in a file of its own
    "verbose": boolean,
}


def describe_header(content):
    """Return the checked header of a separator, whichever of the two kinds it is."""
    expect(isinstance(content, dict), "an object", content)
    return described(content, OF_NETS if "net" in content else OF_ARRAYS)


def described_by_name(content, check=anything):
    """Return a JSON object whose values are checked all alike."""
    expect(isinstance(content, dict), "an object", content)
    return {name: check(value) for name, value in content.items()}


# Learned attributes ------------------------------------------------------------------

LEARNED: dict = {
    "n_features_in_": count,
    "feature_names_in_": decode,
    "component_names_": decode,
    "n_components_": count,
    "sfreq_": none_or(number(sys.float_info.min)),
    "filter_": none_or(lambda content: decode_filter(content)),
}
OPTIONAL: tuple = ("feature_names_in_", "filter_")  # format 3 has no filter
N_ITER: dict = {"n_iter_": count}  # that of a net is the length of its history


def encode_learned(separator):
    """Encode the learned attributes but for domains, arrays, net and history."""
    names = LEARNED if hasattr(separator, "net_") else LEARNED | N_ITER
    return {
        name: encode(getattr(separator, name))
        for name in names
        if hasattr(separator, name)
    }


def decode_filter(content):
    """Return a fitted FilterTransformer, whose design follows from its parameters."""
    filter = decode(content)
    expect(type(filter) is FilterTransformer, "a FilterTransformer", filter)
    return fitted_filter(filter, None)


def check_learned(learned, domains):
    """Raise a ValueError unless learned attributes agree with the domains."""
    n_features, n_components = learned["n_features_in_"], learned["n_components_"]
    with named("n_features_in_"):
        expect(n_features == domains.X_shape[0], domains.X_shape[0], n_features)
    lengths = {"component_names_": n_components, "feature_names_in_": n_features}
    for name, length in lengths.items():
        if name in learned:
            check_length(name, learned[name], length)
    filter = learned.get("filter_")
    with named("filter_"):
        expect(filter is None or domains.X_domain == WAVEFORM, "waveforms", domains)
        rates = filter and [filter.sfreq, learned["sfreq_"]]
        expect(not rates or rates[0] == rates[1], "the rate sfreq_", rates)
    with named("component_names_"):
        names = learned["component_names_"].tolist()
        expect(len(set(names)) == n_components, "names that differ", names)


def check_length(name, array, length):
    """Raise a ValueError unless a field is an array of one axis and of a length."""
    with named(name):
        found = getattr(array, "shape", None)
        expect(found == (length,), f"an array of length {length}", found)


# Domains -----------------------------------------------------------------------------

DOMAIN_FIELDS: dict = {
    "class": options(*DOMAINS),
    "X_domain": options(*N_TRAILING),
    "y_domain": options(*N_TRAILING),
    "X_shape": shape,
    "y_shape": shape,
    "stft": none_or(lambda content: decode_stft(content)),
    "n_times": none_or(count),
}


def encode_domains(domains):
    """Encode the class and the fields of domains."""
    fields = {name: getattr(domains, name) for name in DOMAIN_FIELDS if name != "class"}
    fields |= {"X_shape": list(domains.X_shape), "y_shape": list(domains.y_shape)}
    fields["stft"] = encode_stft(domains.stft)
    return {"class": type(domains).__name__, **fields}


def decode_domains(fields):
    """Return domains, whose fields must agree with each other."""
    fields = dict(fields)
    cls = DOMAINS[fields.pop("class")]
    fields |= {"X_shape": tuple(fields["X_shape"]), "y_shape": tuple(fields["y_shape"])}
    domains = cls(**fields)
    check_mixture_shape(domains)
    check_component_shape(domains)
    return domains


def check_mixture_shape(domains):
    """Raise a ValueError unless the shape of X is one of its domain."""
    found, domain, stft = domains.X_shape, domains.X_domain, domains.stft
    n_least = N_TRAILING[domain]
    with named("X_shape"):
        n_axes = (3,) if domain == IMAGE else (n_least, n_least + 1)
        expect(len(found) in n_axes, f"{n_axes} axes", found)
        if domain == WAVEFORM:
            expect(found[-1] == domains.n_times, f"n_times={domains.n_times}", found)
        if domain == SPECTROGRAM and stft is not None:
            expect(domains.n_times is not None, "n_times", None)
            wanted = stft.spectrogram_shape(domains.n_times)
            expect(found[-2:] == wanted, f"(..., {wanted[0]}, {wanted[1]})", found)
    with named("stft"):
        is_needed = domain == WAVEFORM or isinstance(domains, WaveformDomains)
        expect(stft is not None or not is_needed, "a transform", stft)


def check_component_shape(domains):
    """Raise a ValueError unless components can belong to mixtures."""
    domain = domains.y_domain
    with named("y_domain"):
        is_inverted = (domains.X_domain, domain) == (SPECTROGRAM, WAVEFORM)
        is_inverted = is_inverted and domains.stft is not None
        expect(domain == domains.X_domain or is_inverted, domains.X_domain, domain)
    with named("y_shape"):
        allowed = component_shapes(domains.window_shape, N_TRAILING[domain])
        expect(domains.y_shape in allowed, f"one of {allowed}", domains.y_shape)


# STFT --------------------------------------------------------------------------------

FITTED_STFT = {"n_fft_": count, "hop_length_": count, "win_length_": count}
FITTED_STFT |= {"n_times_": count, "n_features_in_": count}


def encode_stft(stft):
    """Encode a fitted STFTTransformer: parameters and lengths, not the window."""
    if stft is None:
        return None
    if type(stft) is not STFTTransformer:
        raise TypeError(f"a file cannot hold a {type(stft).__name__} as the transform")
    lengths = {name: int(getattr(stft, name)) for name in FITTED_STFT}
    return {"transform": encode(stft), **lengths}


def decode_stft(content):
    """Return a fitted STFTTransformer of the lengths in a file."""
    fields = described(content, {"transform": decode, **FITTED_STFT})
    stft = fields.pop("transform")
    expect(type(stft) is STFTTransformer, "an STFTTransformer", stft)
    # not the parameters: None may stand for other lengths in another release
    lengths = {
        name: fields[f"{name}_"] for name in ("n_fft", "hop_length", "win_length")
    }
    fitted = STFTTransformer(**lengths, window=stft.window)
    fitted._validate_params()
    fitted._fit_lengths(fields["n_times_"])
    vars(stft).update(fields, window_=fitted.window_)
    return stft


# Transformer and pipeline ------------------------------------------------------------


def encode_transformer(stft):
    """Encode a fitted STFTTransformer, and the names of its features, if any."""
    names = getattr(stft, "feature_names_in_", None)
    return {"stft": encode_stft(stft), "feature_names_in_": encode(names)}


def decode_transformer(content):
    """Return a fitted STFTTransformer with the names of its features."""
    fields = described(content, TRANSFORMER)
    stft, names = fields["stft"], fields["feature_names_in_"]
    if names is not None:
        check_length("feature_names_in_", names, stft.n_features_in_)
        stft.feature_names_in_ = names
    return stft


def check_steps(steps):
    """Return the two steps of a pipeline: a transformer and a separator.

    Raises
    ------
    TypeError
        If there are others.
    """
    kinds = [type(step).__name__ for step in steps]
    is_known = len(steps) == 2 and type(steps[0]) is STFTTransformer
    if not is_known or not hasattr(steps[1], "_saved_arrays"):
        raise TypeError(
            "a file can hold a Pipeline of two steps, an STFTTransformer and a "
            f"separator, got {kinds}"
        )
    return steps


def check_agreement(stft, separator):
    """Raise a ValueError unless a separator takes a transformer's spectrograms."""
    domains = separator.domains_
    shape = stft.spectrogram_shape(stft.n_times_)
    with named("transformer"):
        takes = domains.X_domain == SPECTROGRAM and domains.X_shape[-2:] == shape
        expect(takes, f"spectrograms of shape {domains.X_shape}", shape)


# Net ---------------------------------------------------------------------------------

RATE = number(0)
NET: dict = {
    "network": anything,  # decoded with the user's classes
    "reconstruction": anything,
    "representation": options(*REPRESENTATIONS),
    "alpha": RATE,
    "beta": RATE,
    "loss_weighting": options(*AUTOENCODER_GRADIENTS),
    "cross_weights": none_or(list_of(list_of(RATE))),
    "cross_terms": options("dense", "sampled"),
    "remix": anything,
    "discriminator_lr": RATE,
    "autocast": boolean,
    "seed": integer(),
    "lr": RATE,
    "batch_size": integer(1, 2**63),
    "max_epochs": integer(1, 2**63),
}


def encode_net(net):
    """Encode the parameters of the net, which may differ from those set since."""
    values = {name: getattr(net, name) for name in NET if name != "network"}
    if net.cross_weights is not None:
        values["cross_weights"] = net.cross_weights.tolist()
    values["network"] = net.module__network
    return {name: encode_named(name, value) for name, value in values.items()}


def decode_net(fields, known, n_components):
    """Return the network and the other parameters of a net."""
    fields = dict(fields)
    with named("network"):
        network = decode(fields.pop("network"), known)
        methods = ("make_encoder", "make_decoder", "make_discriminator")
        is_network = all(hasattr(network, method) for method in methods)
        expect(is_network and not isinstance(network, type), "a network", network)
    with named("reconstruction"):
        fields["reconstruction"] = loss = decode(fields["reconstruction"], known)
        is_known = isinstance(loss, str) and loss in RECONSTRUCTION_LOSSES
        expect(callable(loss) or is_known, "a reconstruction loss", loss)
    with named("remix"):
        fields["remix"] = remix = decode(fields["remix"], known)
        if isinstance(remix, Remix):
            remix._validate_params()
        else:
            number(0, 1)(remix)
    if fields["cross_weights"] is not None:
        weights = check_cross_weights(fields["cross_weights"], n_components)
        fields["cross_weights"] = weights
    return network, fields


# Parameters --------------------------------------------------------------------------


def encode_parameters(parameters):
    """Encode parameters; errors name the parameter."""
    return {name: encode_named(name, value) for name, value in parameters.items()}


def encode_named(name, value):
    """Encode a value; errors name it."""
    try:
        return encode(value)
    except TypeError as error:
        raise TypeError(f"{name}={value!r} cannot be written: {error}") from error


def decode_parameters(cls, content, known):
    """Return the parameters of a separator of a class, validated as in ``fit``."""
    check = partial(decode, classes=known)
    return described(content, dict.fromkeys(cls._get_param_names(), check))


def check_parameters(separator):
    """Raise a ValueError unless parameters are valid."""
    try:
        separator._validate_params()
    except InvalidParameterError as error:
        raise ValueError(str(error)) from error
