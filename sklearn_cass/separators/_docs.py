"""Descriptions that the members of the CASS family share."""

import inspect

PARAMETERS = {
    "alpha": """float, default={default}
    Weight of the reconstruction in Eq. (7).""",
    "beta": """float, default={default}
    Weight of the adversarial term in Eq. (7); see ``loss_weighting`` for its unit.""",
    "cross_weights": """float or array-like of shape (n_components, n_components), \
default={default}
    Entry [i, j] weighs D_i's rejection of the j-th pair's estimates, alpha_j in
    Eq. (5) and (9); a number is every such entry. The diagonal must be 0. Entries of
    0 cost nothing.""",
    "cross_terms": """{{"auto", "dense", "sampled"}}, default="{default}"
    What D_i sees of the others' estimates in a step. "dense": all of them, Eq. (9) as
    it stands, at a cost that grows with the square of the number of components.
    "sampled": for each mixture one other estimate, drawn with probability
    proportional to its weight; the gradient is that of Eq. (9) on average, the cost
    linear. With two components both are the same. "auto": "dense" up to four
    components.""",
    "loss_weighting": """{{"gradient", "literal"}}, default="{default}"
    What ``alpha`` and ``beta`` weigh. "literal": the two losses of Eq. (7), whose
    units differ, so that the balance depends on the scale of the spectrograms.
    "gradient": the two gradients at the decoder's output, the adversarial one first
    brought to the norm of the other; ``beta / alpha`` is then the share that the
    discriminator has in what the pair learns, whatever the units.""",
    "stft": """STFTTransformer, default=None
    Transform for mixtures that are waveforms. None: ``STFTTransformer()``, which
    draws ``n_fft`` from ``n_times``. Not used for spectrograms and images.""",
    "representation": """{{"complex", "magnitude", "phase-sensitive"}}, \
default="{default}"
    What the networks see of a complex spectrogram: real and imaginary parts, or
    magnitudes, whose estimates get the mixture's phase. "phase-sensitive": magnitudes
    of mixtures, and of components the part along the mixture's phase, which may be
    negative (Erdogan et al., ICASSP 2015): with the mixture's phase it comes nearest
    to the true waveform, as the true magnitude does not.""",
    "compression": """float, default={default}
    Exponent, above 0 and up to 1, of the magnitudes that the encoders see: below 1 the
    quiet parts of a mixture stand nearer to the loud ones (power-law compression).
    Estimates and losses are not compressed.""",
    "output": """{{"direct", "mask", "ratio_mask", "affine"}}, default="{default}"
    Whether a decoder returns the estimate itself, a mask (complex, or real for
    magnitudes and images) that multiplies the mixture, a real mask between 0 and 1, by
    a sigmoid, or a mask and what is to be added behind it. "affine" leaves the details
    of the mixture that belong to the component alone as they are, which "direct" has to
    rebuild.""",
    "reconstruction_loss": """{{"mse", "relative"}}, default="{default}"
    What Eq. (2) and (7) measure reconstruction by. "mse": the mean squared error, in
    which rows and components count by their power. "relative": the mean over rows of
    the relative error, Eq. (6), on spectrograms; components more than 40 dB below
    their mixture count as if they were not quieter than that.""",
    "encoder, decoder": """type, default=Encoder, Decoder
    Classes of modules to use instead of ResNet-9, or functions that make them; called
    as :class:`~sklearn_cass.nn.Encoder` and :class:`~sklearn_cass.nn.Decoder` are.""",
    "discriminator": """type, default=Discriminator
    Likewise for :class:`~sklearn_cass.nn.Discriminator`. It is called with half of
    ``n_filters`` and ``n_latent``, which halves the time of adversarial training.""",
    "n_filters": """int, default={default}
    Channels after the first convolution; deeper ones have up to four times as many.""",
    "n_latent": """int, default={default}
    Channels of the feature representation between encoder and decoder.""",
    "skip_connections": """bool, default={default}
    Whether each stage of a decoder also sees the encoder's map of its size. False is
    the paper's plain bottleneck.""",
    "dilation": """int, default={default}
    Dilation of the convolutions on either side of the feature representation (the
    decoder's second has half of it): how far they see, at no cost. With 4 all estimates
    of a window of 257 frames depend on all of it; 1 is the plain ResNet-9, with which
    those at one end know nothing of the other.""",
    "optimizer": """{{"muon", "adam"}}, default="{default}"
    Of both players. "muon" orthogonalises the steps of all weights that are matrices
    or convolutions (Jordan et al. 2024), at the size of Adam's, which takes the rest. A
    step takes a little longer, and fewer are needed: ``docs/paper/levers.md`` has the
    figures. "adam" is the paper's.""",
    "lr": """float, default={default}
    Learning rate of the autoencoders; a good one for "adam" is good for "muon".""",
    "discriminator_lr": """float, default={default}
    Learning rate of the discriminators.""",
    "lr_schedule": """{{"cosine", "constant"}}, default="{default}"
    "cosine" raises both learning rates over the first tenth of the training and then
    lowers them to zero along a cosine.""",
    "batch_size": """int, default={default}
    Mixtures in a training batch.""",
    "max_epochs": """int, default={default}
    Passes through the training rows.""",
    "remix": """float, default={default}
    Share of each batch's rows whose mixtures are drawn anew: every component, and
    the residual ``X - sum(y)`` as one more part, from a row of its own. 0 keeps the
    mixtures as they were given. Less than 1 leaves it to be learnt that components go
    together, as the parts of a piece of music do. Without effect where components lack
    X's channels.""",
    "validation_fraction": """float, default=None
    Share of the rows that is held out, on which ``history_`` records the relative
    errors of every epoch. None: 0.1 with ``early_stopping``, else 0.""",
    "early_stopping": """bool, default={default}
    Whether to stop after 10 epochs without a better mean error on the held-out rows,
    and to go back to the best weights.""",
    "warm_start": """bool, default={default}
    Whether ``fit`` goes on from the weights of the fit before; ``max_epochs`` then
    counts the additional epochs.""",
    "callbacks": """list of skorch callbacks, default=None
    Called during training in addition to the separator's own.""",
    "checkpoint": """path-like, default=None
    Folder in which the state of the training is kept after epochs: networks,
    optimizers, generators, history. ``fit`` with the same data and parameters goes on
    from there, and ends as if it had not been cut off: on a CPU bit for bit. With
    other data or parameters (but for ``callbacks``, ``checkpoint``,
    ``checkpoint_every`` and ``verbose``) it refuses. One folder serves one training.
    Where a state cannot be written later on (a full disk), a warning says so, training
    goes on, and the state written before stays.""",
    "checkpoint_every": """int, default={default}
    Epochs from one state kept to the next; the last epoch's is always kept.""",
    "device": """str or torch.device, default="{default}"
    Where to compute. "auto": CUDA where it is there, else the CPU.""",
    "precision": """{{"auto", "float32", "bf16"}}, default="{default}"
    Arithmetic of the convolutions; weights stay in float32. "auto" takes bfloat16
    where the hardware has matrix units for it; its rounding is noise some 40 to 50 dB
    below an estimate.""",
    "random_state": """int, RandomState instance or None, default=None
    Draws the initial weights, the order of rows, what is mixed anew and what is held
    out. An int makes fits on one machine's CPU equal bit for bit.""",
    "verbose": """int, default={default}
    Whether to show a progress bar.""",
}

ATTRIBUTES = """\
net_ : CASSNet
    The trained net; ``net_.module_`` holds the autoencoders.
n_components_ : int
    Number of components, read from y.
component_names_ : ndarray of shape (n_components_,)
    The labels where y held labels, else 0, 1, ...
n_features_in_ : int
    ``X.shape[1]``.
history_ : skorch.history.History
    One row an epoch: ``history_[:, "reconstruction_loss"]`` and so on for
    "adversarial_loss", "discriminator_loss", "cross_loss" and
    "valid_relative_error", each a list over the components.
n_iter_ : int
    Number of epochs trained."""

REFERENCES = """\
.. [1] "CASS: Cross adversarial source separation via autoencoder"."""


def documented(cls):
    """Fill a class's docstring with the sections that the family shares."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(cls).parameters.items()
    }
    parameters = "\n".join(
        f"{names} : {text.format(default=defaults[names.split(',')[0]])}"
        for names, text in PARAMETERS.items()
        if names.split(",")[0] in defaults
    )
    sections = {
        "parameters": _section("Parameters", parameters),
        "attributes": _section("Attributes", ATTRIBUTES),
        "references": _section("References", REFERENCES),
    }
    for name, text in sections.items():
        cls.__doc__ = cls.__doc__.replace("    {" + name + "}", text)
    return cls


def _section(title, text):
    lines = [title, "-" * len(title), *text.splitlines()]
    return "\n".join("    " + line if line else "" for line in lines)
