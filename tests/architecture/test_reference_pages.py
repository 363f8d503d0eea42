"""The reference pages tell what the code does, and errors keep their promises."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from arena.errors import ArenaError, HostError, OrganiserError, ParticipantError
from scripts import reference_pages

DOCS = Path(__file__).parents[2] / "docs"
ERRORS = list(reference_pages.error_classes())


@pytest.mark.parametrize("name", sorted(reference_pages.PAGES))
def test_the_page_is_what_the_code_makes(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == reference_pages.PAGES[name](), "run `make docs`"


def test_every_error_has_a_code_of_its_own() -> None:
    codes = Counter(error.code for error in ERRORS)
    assert {code: count for code, count in codes.items() if count > 1} == {}
    assert all("code" in vars(error) for error in ERRORS), "a code is not inherited"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_answers_with_its_branch_s_status_and_exit_code(error: type[ArenaError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert 400 <= error.http_status <= 599
    branch = next((root for root in (ParticipantError, OrganiserError, HostError) if issubclass(error, root)), None)
    if branch is not None:
        assert error.exit_code == branch.exit_code
        assert error.http_status // 100 == branch.http_status // 100
    # 2 means an unreadable command line, and codes from 64 on mean other things to shells.
    assert error.exit_code == 1 or 3 <= error.exit_code < 64


def test_links_between_the_documents_lead_somewhere() -> None:
    root = DOCS.parent
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in [root / "README.md", *sorted(DOCS.rglob("*.md"))]
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
