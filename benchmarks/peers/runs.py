"""Make a run: train a system, measure it on rows it never saw, write its record."""

import math
import statistics
import time
import warnings
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_cass.metrics import oracle_ratio_mask, relative_error, sdr
from sklearn_cass.separators import _recipes as recipes

from .. import experiments, memory
from ..report import provenance
from .records import Task
from .systems import Ours, Peer, Reference, rows_of, systems
from .training import Training, estimates

TOLERANCE = 0.05  # share of a budget that a fit of ours may spend beyond it
N_FITS = 3  # tries to get there
N_CALLS = 50  # of an estimate, whose median is its cost; fewer of slow ones
N_WARM_UP = 5
MOST_SECONDS = 10
N_TOGETHER = 32  # rows of an estimate
N_STEPS = 5  # of a training whose memory is measured
CPU = Path("/proc/cpuinfo")
PACKAGES = ("openunmix", "asteroid", "asteroid-filterbanks")


def identity(task, measured_on):
    """Return all that a record depends on, but for machine and code."""
    system = systems(task.experiment)[task.system]
    return {
        "experiment": task.experiment,
        "system": task.system,
        "kind": task.kind,
        "seed": task.seed,
        "budget": task.budget,
        "rows": rows_of(task.experiment),
        "measured_on": measured_on,
        "settings": system.settings(task.experiment),
    }


def tasks_of(experiment, name, seeds, budgets):
    """Return the runs of a system, those of its costs first."""
    system = systems(experiment)[name]
    if isinstance(system, Reference):
        return [Task(experiment, name, "training", seed) for seed in seeds]
    costs = [Task(experiment, name, "costs")]
    if isinstance(system, Peer) and not system.trained:
        return costs
    own = budgets if system.by_budget else (None,)
    return costs + [
        Task(experiment, name, "training", seed, budget)
        for seed in seeds
        for budget in own
    ]


def is_missing(task, options):
    """Tell whether a run is to be made."""
    record = options.records.find(task, identity(task, options.measured_on))
    return record is None or not reaches(record, budgets_of(task, options))


def reaches(record, budgets):
    """Tell whether the points of a curve are there up to the largest budget."""
    points = record.get("points")
    return not points or points[-1]["budget"] >= max(budgets)


def budgets_of(task, options):
    """Return the budgets that a run is measured at."""
    return options.budgets if task.budget is None else [task.budget]


def do(task, options):
    """Make a run and write its record."""
    start = time.perf_counter()
    system = systems(task.experiment)[task.system]
    experiment = experiments.make(
        task.experiment, rows_of(task.experiment), task.seed, options.data
    )
    work = costs if task.kind == "costs" else RUNS[type(system)]
    about = {"identity": identity(task, options.measured_on)}
    about["component_names"] = list(map(str, experiment.bunch.component_names))
    with torch.random.fork_rng():
        for found in work(system, experiment, task, options):
            options.records.write(task, about | found | circumstances())
    print(f"{task.name}: {time.perf_counter() - start:.0f} s", flush=True)


def circumstances():
    """Return where and with what a record is made."""
    found = provenance() | {"cpu": cpu_model()}
    return found | {"versions": found["versions"] | versions_of_peers()}


def cpu_model():
    """Return the name of the processor, "unknown" where there is no such file."""
    lines = CPU.read_text().splitlines() if CPU.exists() else []
    names = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else "unknown"


def versions_of_peers():
    """Return the versions of the peers' packages that are installed."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def measures(y, estimated):
    """Return means and medians over rows, by component; silent ones are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # -inf and NaN of silence
        ratios, errors = sdr(y, estimated), relative_error(y, estimated)
    return {
        "SDR": np.nanmean(ratios, axis=0).tolist(),
        "median SDR": np.nanmedian(ratios, axis=0).tolist(),
        "L2": np.nanmean(errors, axis=0).tolist(),
        "silent": int(np.isnan(errors).sum()),
    }


# Systems: each yields its record, some several times while it grows -------------------


def refer(system, experiment, task, options):
    """Yield the measures of estimates without training."""
    X, y = experiment.rows(options.measured_on)
    if system.stft:
        n_fft, hop_length = system.stft
        estimated = oracle_ratio_mask(y, X, n_fft=n_fft, hop_length=hop_length)
    else:
        estimated = np.zeros_like(y)
        if task.system == "mixture":
            estimated = np.broadcast_to(X[:, None], y.shape)
    yield {"measured": measures(y, estimated)}


def train_peer(system, experiment, task, options):
    """Yield the points of a curve, after each budget; goes on from the last one."""
    found = options.records.find(task, identity(task, options.measured_on))
    points = found["points"] if found else []
    path = options.work / f"{task.name}.pt"
    X, y = experiment.rows(options.measured_on)
    training = start(system, experiment, task, options.measured_on)
    if points and path.exists():
        training.load_state(torch.load(path))
    else:
        points = []
    reached = points[-1]["budget"] if points else 0
    for budget in (b for b in budgets_of(task, options) if b > reached):
        training.run_to(budget)
        estimated = estimates(training.model, tensor(X)).numpy()
        points = [*points, point(training, budget, measures(y, estimated))]
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(training.state(), path)
        yield {"points": points, **size_of(training.model)}


def start(system, experiment, task, measured_on):
    """Return a training that has not begun."""
    torch.manual_seed(task.seed)
    bunch = experiment.bunch
    n_components = bunch.target.shape[1]
    model = system.build(task.experiment, n_components, float(bunch.sfreq))
    X, y = (tensor(a) for a in experiment.training_rows(measured_on))
    with torch.no_grad():
        model.prepare(X)
    return Training(model, system.recipe, X, y, task.seed, task.budget or np.inf)


def tensor(array):
    """Return an array in single precision, as these models are trained."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def point(training, budget, measured):
    """Return the point of a curve."""
    return {
        "budget": budget,
        "seconds": training.spent,
        "epochs": training.n_epochs,
        "measured": measured,
    }


def size_of(model):
    """Return the number of parameters."""
    return {"n_parameters": sum(p.numel() for p in model.parameters())}


def fit_ours(system, experiment, task, options):
    """Yield the measures of a fit that spends a budget, or as much as it likes."""
    data = experiment.training_rows(options.measured_on)
    X, y = experiment.rows(options.measured_on)
    if system.by_budget:
        of = task.experiment, task.system
        if of not in options.fit_costs:  # the same for all seeds and budgets
            options.fit_costs[of] = cost_of(system.make, data)
        cost = options.fit_costs[of]
        separator, seconds = fit_within(task, system.make, data, *cost)
    else:
        separator, seconds = fit(system.make(random_state=task.seed), data)
    found = {
        "seconds": seconds,
        "epochs": separator.n_iter_,
        "measured": measures(y, separator.transform(X)),
        "learned": learned(separator),
    }
    if hasattr(separator, "net_"):
        found |= size_of(separator.net_.module_)
    yield found


def learned(separator):
    """Return what a fit chose, in words, where it has a choice."""
    names = ("network_", "stft_", "representation_")
    return {n: repr(getattr(separator, n)) for n in names if hasattr(separator, n)}


class EpochSeconds(Callback):
    """CPU seconds of the process at the end of each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.ends_ = []

    def on_epoch_end(self, net, **kwargs):
        self.ends_.append(time.process_time())


def cost_of(make, data):
    """Return CPU seconds of a fit without its epochs, and of an epoch.

    They are those of a short fit, with as many epochs as a choice of the network needs.
    """
    max_epochs = max(2, epochs_of_choice(make(), data))
    clock = EpochSeconds()
    made = make(max_epochs=max_epochs, random_state=0, callbacks=[clock])
    _, seconds = fit(made, data)
    per_epoch = (clock.ends_[-1] - clock.ends_[0]) / (max_epochs - 1)
    return seconds - max_epochs * per_epoch, per_epoch


def epochs_of_choice(separator, data):
    """Return the least epochs of a fit that chooses its network."""
    least = recipes.least_steps(separator._least_steps, data[0].shape[-1])
    return math.ceil(least / math.ceil(len(data[0]) / separator.batch_size))


def fit_within(task, make, data, fixed, per_epoch):
    """Return a fit with the epochs that fit in a budget, and the seconds it spent.

    ``fixed`` and ``per_epoch`` are what :func:`cost_of` returns.
    """
    for _ in range(N_FITS):
        n_epochs = max(1, int((task.budget - fixed) / per_epoch))
        separator, seconds = fit(
            make(max_epochs=n_epochs, random_state=task.seed), data
        )
        if seconds <= (1 + TOLERANCE) * task.budget or n_epochs == 1:
            break
        fixed, per_epoch = 0, seconds / n_epochs
    return separator, seconds


def fit(separator, data):
    """Return a fitted separator and the CPU seconds of its fit."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of trainings too short to separate
        separator.fit(*data)
    return separator, time.process_time() - start


RUNS = {Reference: refer, Peer: train_peer, Ours: fit_ours}

# Costs --------------------------------------------------------------------------------


def costs(system, experiment, task, options):
    """Yield the costs of a system: memory of its training, seconds of an estimate."""
    where = {"experiment": task.experiment, "system": task.system, "data": options.data}
    took = memory.measured_apart(f"{__name__}:training_of", **where)
    X, _ = experiment.rows(options.measured_on)
    if isinstance(system, Peer):
        training = start(system, experiment, task, options.measured_on)
        call, found = training.model, size_of(training.model)
        found["seconds of an epoch"] = seconds_of_epoch(training)
        rows = tensor(X)
    else:
        data = experiment.training_rows(options.measured_on)
        separator, _ = fit(system.make(**shortest(system, data)), data)
        call, found, rows = separator.transform, {}, X
        if hasattr(separator, "net_"):
            found = size_of(separator.net_.module_)
    yield {
        "peak [MiB]": took["anonymous"],
        "one row [s]": seconds_of(call, rows[:1]),
        "of many, a row [s]": seconds_of(call, rows[:N_TOGETHER]) / N_TOGETHER,
        **found,
    }


def shortest(system, data):
    """Return the parameters of the shortest fit of ours that chooses its network."""
    if not system.by_budget:
        return {}
    return {"max_epochs": epochs_of_choice(system.make(), data)}


def seconds_of_epoch(training):
    """Return the seconds of an epoch, from some steps after the first."""
    training.run_to(np.inf, max_steps=1)
    first = training.spent
    training.run_to(np.inf, max_steps=1 + N_STEPS)
    return (training.spent - first) / N_STEPS * training.steps_of_epoch


def seconds_of(call, X):
    """Return the median CPU seconds of a call, after a warm-up."""
    if isinstance(call, torch.nn.Module):
        call.eval()
    seconds = []
    with torch.inference_mode():
        while len(seconds) < N_CALLS and sum(seconds) < MOST_SECONDS:
            start = time.process_time()
            call(X)
            seconds.append(time.process_time() - start)
    return statistics.median(seconds[N_WARM_UP:] or seconds)


def training_of(experiment, system, data):
    """Return a short training as a function: steps of a peer, an epoch of ours."""
    torch.set_num_threads(1)
    task, found = Task(experiment, system, "costs"), systems(experiment)[system]
    made = experiments.make(experiment, rows_of(experiment), task.seed, data)
    if isinstance(found, Peer):
        training = start(found, made, task, "test")
        return lambda: training.run_to(np.inf, max_steps=N_STEPS)
    rows = made.training_rows("test")
    separator = found.make(**shortest(found, rows))
    return lambda: fit(separator, rows)
