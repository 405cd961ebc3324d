"""Which runs there are, in which order, and which of them are a table already."""

from . import estimators, settings
from .runs import Task, finished


def tasks_of_seed(seed, experiments, names, form, measured_on):
    """All runs of a seed: every estimator before the next setting and experiment."""
    return [
        Task(experiment, setting, estimator, seed, form, measured_on)
        for experiment in experiments
        for setting in settings.settings_of(experiment, names)
        for estimator in estimators.ROWS
    ]


def plan(seeds, experiments, names, form="full", measured_on="test"):
    """Runs in order, seeds outermost: what is done at any time is a fair table."""
    return [
        task
        for seed in seeds
        for task in tasks_of_seed(seed, experiments, names, form, measured_on)
    ]


def complete(tasks_of, seeds, folder):
    """Records of the seeds of which all runs are finished: {seed: {name: record}}.

    ``tasks_of`` takes a seed, returns its runs by name. A seed that lacks one would
    favour some rows of a table.
    """
    found = {}
    for seed in seeds:
        records = {name: finished(t, folder) for name, t in tasks_of(seed).items()}
        if all(records.values()):
            found[seed] = records
    return found


def complete_seeds(folder, experiment, setting, form, measured_on):
    """Records of the seeds that every estimator has finished."""

    def tasks_of(seed):
        tasks = tasks_of_seed(seed, [experiment], [setting], form, measured_on)
        return {task.estimator: task for task in tasks}

    return complete(tasks_of, seeds_in(folder, experiment, setting), folder)


def seeds_in(folder, experiment, setting):
    """Seeds of which there is any run."""
    example = Task(experiment, setting, estimators.CEILING, 0).path(folder)
    files = example.parent.glob("seed*-*.json")
    return sorted({int(f.name.removeprefix("seed").split("-")[0]) for f in files})


def names_of_settings():
    """The settings there are."""
    return tuple(settings.SETTINGS)
