"""The board's words on what held an evaluation's containers in, in both languages, out of the stored manifest."""

from pathlib import Path

from arena.evaluation.record import canonical_json, sandboxes_of
from arena.presentation.details import entry_view
from arena.presentation.html import entry_html
from arena.presentation.language import Language
from arena.presentation.reader import Reader
from arena.presentation.sandbox import sandbox_lines
from arena.presentation.wording import Words
from tests.browser.showcase import SEASON, Showcase
from tests.unit.test_runner_manifest import RUNC, made

EN, RU = Words(Language.EN), Words(Language.RU)


def test_every_setting_is_told_in_both_languages() -> None:
    english, russian = (dict(sandbox_lines(made(), words)) for words in (EN, RU))
    assert english["Runtime"] == "runc · the host's kernel, filtered · Docker 20.10.24"
    assert english["Memory"] == "64 MiB, no swap"
    assert (english["CPUs"], english["Processes and threads"], english["Network"]) == ("0.5", "32", "none")
    assert english["System calls"].startswith("only those of profile ")
    assert english["Held by the kernel"] == "as asked, looked at before the first case"
    assert (russian["Сеть"], russian["Память"]) == ("нет", "64 МиБ, без подкачки")
    assert len(english) == len(russian) == 9


def test_what_the_host_could_not_see_is_not_claimed() -> None:
    unseen = made(kernel={"seen": False, "reason": "elsewhere"})
    assert dict(sandbox_lines(unseen, EN))["Held by the kernel"] == "could not be looked at from the host"


def test_what_was_seen_of_some_containers_is_not_claimed_of_all() -> None:
    lines = dict(sandbox_lines(made(all_seen=False), EN))
    assert lines["Held by the kernel"] == "as asked, in the containers that could be looked at; not all could"


def test_gvisor_is_named() -> None:
    lines = dict(sandbox_lines(made(runtime={**RUNC, "name": "runsc", "gvisor": True}), EN))
    assert "gVisor, a kernel of its own" in lines["Runtime"]


def test_an_evaluation_keeps_each_manifest_once_whatever_the_order_of_its_shards() -> None:
    here, there = made(), made(runtime={**RUNC, "name": "crun"})
    receipts = [{"summary": each} for each in (here, there, here)] + [{"summary": None}, {}]
    kept = sandboxes_of(receipts)
    assert len(kept) == 2
    assert kept == sandboxes_of(reversed(receipts))
    assert canonical_json(kept) == canonical_json(sandboxes_of(receipts))


def test_the_algorithms_page_shows_them_or_says_when(tmp_path: Path) -> None:
    showcase = Showcase(tmp_path).fill()
    facts = Reader(showcase.store, showcase.public, clock=lambda: showcase.now).entry(SEASON[0].code)
    view = entry_view(facts, EN, board_path="/", entry_path="/algorithm")
    assert "What holds its containers in is told here" in entry_html(view, EN)
    own = next(row for row in facts.history if row.submission.code == SEASON[0].code)
    own.evaluation.sandboxes = [made()]
    shown = entry_html(entry_view(facts, EN, board_path="/", entry_path="/algorithm"), EN)
    assert "64 MiB, no swap" in shown
    assert "is told here" not in shown
