"""The closing table of `make fuzz`."""

import os

import closing_table
from oracle import FUZZING, failures, tally


def pytest_runtest_logreport(report):
    if report.failed:  # a state machine's failures are known by this alone
        test = report.nodeid.rpartition("/")[2].replace(".py::", ": ")
        failures.setdefault(test, set()).update({report.when} - {"call"})
        failures[test] = failures[test] or {"call"}


def pytest_terminal_summary(terminalreporter, config):
    if not FUZZING:
        return
    tests = sorted({*tally["cases"], *failures})
    columns = {
        "test": tests,
        **{name: [tally[name][test] for test in tests] for name in tally},
        "failures": [len(failures.get(test, ())) for test in tests],
    }
    seed = config.getoption("hypothesis_seed", None)
    facts = {"command": f"make fuzz SEED={seed}", **closing_table.machine()}
    table = closing_table.markdown(columns, total=True)
    terminalreporter.section("fuzz")
    terminalreporter.write_line(closing_table.described(facts, table))
    if os.environ.get("FUZZ_REPORT"):
        closing_table.replace_section(os.environ["FUZZ_REPORT"], "fuzz", facts, table)
