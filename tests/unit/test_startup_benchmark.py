"""The table of start-up costs: what is computed from what was measured, and where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.startup import BEGIN, END, PAGE, PLAIN_EACH, Measured, rows, section, write_section

MEASURED = [
    Measured(PLAIN_EACH, "runc", 11, (0.5, 0.4, 9.0), (5.5, 5.4, 50.0)),
    Measured("Arena, mode `serve`", "runsc", 101, (1.0, 1.0, 1.0), (1.2, 1.2, 1.2)),
]


def test_a_further_case_costs_what_is_left_after_the_first_and_ratios_are_to_plain_runc() -> None:
    assert rows(MEASURED) == [
        (PLAIN_EACH, "runc", "0.50 s", "1.00", "500.0 ms", "1.000"),
        ("Arena, mode `serve`", "runsc", "1.00 s", "2.00", "2.0 ms", "0.004"),
    ]


def test_the_table_takes_the_place_of_the_one_before_and_of_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    for _ in range(2):
        write_section(page, section(MEASURED, 3))
    content = page.read_text(encoding="utf-8")
    assert content.startswith(f"before\n{BEGIN}100 kB studies, ")
    assert content.endswith(f"| 0.004 |\n{END}after\n")
    assert "medians of 3 repetitions. Further cases: 10 where each has its container,\n100 else." in content
    assert "old" not in content


def test_a_page_without_its_marks_is_not_written(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="marks"):
        write_section(page, "table")
    assert page.read_text(encoding="utf-8") == "nothing\n"
    assert PAGE.read_text(encoding="utf-8").count(BEGIN) == 1
