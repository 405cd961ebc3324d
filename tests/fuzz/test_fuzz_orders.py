"""Methods of separators in any order: they work exactly after a successful fit."""

import copy
import pickle

import numpy as np
from cases import SEPARATORS
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from oracle import (
    Refused,
    current_test,
    finite,
    fuzz_settings,
    require,
    tally,
    works_or_refuses,
)
from problems import TINY, Labels, Problem, parameters_of
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from strategies import Recipe

from sklearn_cass import GANSeparator, ResNet9

GOOD = {
    "short": Problem(Recipe((3, 12)), Recipe((3, 2, 12))),
    "long": Problem(Recipe((3, 33), "float32"), Recipe((3, 2, 33))),
    "one": Problem(Recipe((1, 1)), Recipe((1, 1, 1))),
    "channels": Problem(Recipe((3, 2, 12)), Recipe((3, 2, 2, 12))),
    "labels": Problem(Recipe((4, 12)), Labels("strings", 4)),
    "silent": Problem(Recipe((3, 12), values="zeros"), Recipe((3, 2, 12))),
}
BAD = {
    "rows": Problem(Recipe((3, 12)), Recipe((2, 2, 12))),
    "NaN": Problem(Recipe((3, 12), values="one nan"), Recipe((3, 2, 12))),
    "lengths": Problem(Recipe((3, 12)), Recipe((3, 2, 11))),
    "no y": Problem(Recipe((3, 12)), None),
}
BAD_SETTINGS = st.sampled_from(
    [{"lr": -1}, {"batch_size": 0}, {"device": "nowhere"}, {"random_state": "seed"}]
)
bad_problems = st.sampled_from(list(BAD.values()))
good = st.sampled_from(list(GOOD))


class Orders(RuleBasedStateMachine):
    """A separator, and what it was fitted to."""

    @initialize(
        cls=st.sampled_from([*SEPARATORS, GANSeparator]), warm_start=st.booleans()
    )
    def construct(self, cls, warm_start):
        tally["cases"][current_test()] += 1  # one sequence is one case
        self.separator = cls(**TINY, warm_start=warm_start)
        self.fitted_on = self.fitted_network = None  # a name in GOOD

    # What changes it ----------------------------------------------------------------

    @rule(name=good)
    def fit(self, name):
        refused = self.fit_to(GOOD[name])
        before = self.fitted_on if self.separator.warm_start else None
        alike = before in (None, name) or {before, name} == {"short", "silent"}
        network = repr(self.separator.network)
        alike = alike and (before is None or network == self.fitted_network)
        require(bool(refused) != alike, f"{name} after {before}: {refused}")
        if alike:
            self.fitted_on, self.fitted_network = name, network

    @rule(problem=bad_problems)
    def fit_bad_data(self, problem):
        require(self.fit_to(problem), "bad data were taken")

    @rule(settings=BAD_SETTINGS, name=good)
    def fit_with_bad_settings(self, settings, name):
        usual = {key: self.separator.get_params()[key] for key in settings}
        self.separator.set_params(**settings)
        require(self.fit_to(GOOD[name], settings), f"{settings} were taken")
        self.separator.set_params(**usual)

    def fit_to(self, problem, named=()):
        """Fit; return the message of the error, or an empty string."""
        X, y = problem.make()
        named = {"X", "y", "network", *named}
        result = works_or_refuses(lambda: self.separator.fit(X, y), named=named)
        return str(result.error) if isinstance(result, Refused) else ""

    @rule(warm_start=st.booleans())
    def set_warm_start(self, warm_start):
        self.separator.set_params(warm_start=warm_start)

    @rule(n_filters=st.sampled_from([1, 2]), output=st.sampled_from(["direct", "mask"]))
    def set_network_of_the_next_fit(self, n_filters, output):
        self.separator.set_params(network=ResNet9(n_filters, 2, output=output))

    @rule(parameters=parameters_of(SEPARATORS[0]))
    def set_anything_and_take_it_back(self, parameters):
        usual = self.separator.get_params(deep=False)
        self.separator.set_params(**parameters)
        repr(self.separator)
        self.answer_to_transform(fitted_on=self.fitted_on)
        self.separator.set_params(**usual)

    @rule()
    def clone(self):
        self.separator, self.fitted_on = clone(self.separator), None

    @rule(way=st.sampled_from(["pickle", "deepcopy", "copy"]))
    def take_a_copy(self, way):
        before = self.separator
        ways = {
            "pickle": lambda est: pickle.loads(pickle.dumps(est)),
            "deepcopy": copy.deepcopy,
            "copy": copy.copy,
        }
        self.separator = works_or_refuses(lambda: ways[way](before), named={})
        if self.fitted_on:
            X, _ = GOOD[self.fitted_on].make()
            same = np.array_equal(self.separator.transform(X), before.transform(X))
            require(same, f"the {way} separates otherwise")

    # What asks it -------------------------------------------------------------------

    @rule()
    def transform(self):
        self.answer_to_transform(self.fitted_on)

    def answer_to_transform(self, fitted_on):
        problem = GOOD[fitted_on or "short"]
        X, y = problem.make()
        n_components = y.shape[1] if y.ndim > 1 else 2
        shape = y.shape[2:] if y.ndim > 1 else X.shape[1:]
        check = finite(len(X), n_components, *shape)
        self.ask(lambda: self.separator.transform(X), check)

    @rule(n_times=st.sampled_from([1, 11, 13, 70]))
    def transform_another_length(self, n_times):
        X = Recipe((2, n_times)).make()
        result = works_or_refuses(lambda: self.separator.transform(X), named={"X"})
        seen = self.fitted_on and GOOD[self.fitted_on].X.shape[1:]
        if isinstance(result, np.ndarray):
            require(seen == (n_times,), "another length was taken")

    @rule(n_times=st.sampled_from([1, 12, 70]))
    def separate(self, n_times):
        channels = (2,) if self.fitted_on == "channels" else ()
        recording = Recipe((*channels, n_times)).make()
        n_components = 1 if self.fitted_on == "one" else 2
        check = finite(n_components, *channels, n_times)
        self.ask(lambda: self.separator.separate(recording), check)

    @rule()
    def score(self):
        X, y = GOOD[self.fitted_on or "short"].make()
        self.ask(lambda: self.separator.score(X, y), is_score)

    @rule()
    def discriminate(self):
        if hasattr(self.separator, "discriminate") and self.fitted_on != "labels":
            _, y = GOOD[self.fitted_on or "short"].make()
            is_gan = isinstance(self.separator, GANSeparator)
            pairs = () if is_gan else (y.shape[1], y.shape[1])
            check = finite(len(y), *pairs)
            self.ask(lambda: self.separator.discriminate(y), check)

    def ask(self, call, check):
        """Check that a call works after a fit and raises NotFittedError before."""
        result = works_or_refuses(call, named={}, check=check)
        if isinstance(result, Refused):
            right = isinstance(result.error, NotFittedError) and not self.fitted_on
            require(right, f"refused after fit: {result.error}")
        else:
            require(self.fitted_on, "worked without a fit")

    @invariant()
    def nothing_is_left_of_a_refused_fit(self):
        if hasattr(self, "separator") and not self.fitted_on:
            left = [name for name in vars(self.separator) if name.endswith("_")]
            require(not left, f"{left} are left, though the separator is not fitted")


def is_score(result):
    require(type(result) is float, f"a score of type {type(result).__name__}")
    require(np.isfinite(result), f"a score of {result}")


TestOrders = Orders.TestCase
TestOrders.settings = fuzz_settings(test=6, fuzz=150, stateful_step_count=12)
