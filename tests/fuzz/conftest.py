"""The closing table of `make fuzz`."""

import os

import closing_table
from oracle import FUZZING, failures, short_name, tally


def pytest_runtest_logreport(report):
    # drawn cases have told their failures themselves, as far as there are several
    found = failures.setdefault(short_name(report.nodeid), set())
    if report.failed and ("[" in report.nodeid or not found):
        found.add(report.nodeid)


def pytest_terminal_summary(terminalreporter, config):
    if not FUZZING:
        return
    tests = sorted({*tally["cases"], *(test for test in failures if failures[test])})
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
