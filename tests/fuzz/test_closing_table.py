"""Closing tables add up, and replace their own section alone."""

import closing_table
import pytest

COLUMNS = {"test": ["a", "bc"], "cases": [10, 2], "failures": [0, 1]}
TABLE = """\
| test  | cases | failures |
| ----- | ----: | -------: |
| a     |    10 |        0 |
| bc    |     2 |        1 |
| total |    12 |        1 |"""


def test_a_table_adds_up():
    assert closing_table.markdown(COLUMNS, total=True) == TABLE


def test_a_section_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "report.md"
    page = "# A\n<!-- b -->\nold\n<!-- /b -->\n\n<!-- c -->\n{}<!-- /c -->\nend\n"
    path.write_text(page.format("old\n"))
    for _ in range(2):  # a second run changes nothing
        closing_table.replace_section(path, "c", {"seed": r"\1"}, TABLE)
        assert path.read_text() == page.format(f"- seed: \\1\n\n{TABLE}\n")


@pytest.mark.parametrize("page", ["", "<!-- c -->", "<!-- /c --><!-- c -->"])
def test_a_page_without_the_section_is_left_alone(tmp_path, page):
    path = tmp_path / "report.md"
    path.write_text(page)
    with pytest.raises(ValueError, match=r"report.md must hold <!-- c -->"):
        closing_table.replace_section(path, "c", {}, TABLE)
    assert path.read_text() == page


def test_facts_name_no_machine():
    facts = str(closing_table.machine())
    assert "numpy" in facts and "/" not in facts
