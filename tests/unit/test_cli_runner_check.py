"""What `arena runner check` tells an operator: how far it is, how much held, and again what did not."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arena.cli import runner
from arena.cli.main import app
from arena.settings import Settings
from arena.wiring import Checked, Tell
from runners import conformance
from runners.conformance import Behaviour, Surroundings, check_all
from runners.protocol import Slot
from runners.values import AttemptId, Outcome, Status

HELD = Checked("runc", "cpu", "Two processes get 0.5 CPUs.", True, "0.50 CPUs")
OPEN = Checked("runsc", "memory bomb", "96 MiB of memory are the limit.", False, "256 MiB were used")

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Let the command find these lines; return its exit code, stdout and stderr."""
    monkeypatch.setenv("ARENA_HOME", str(tmp_path))

    def run(lines: list[Checked], *arguments: str) -> tuple[int, str, str]:
        def found(_settings: Settings, _runtime: str | None, *, full: bool, tell: Tell) -> list[Checked]:
            tell("runc: canaries", 0, None)
            for done in range(3 if full else 0):
                tell("runc: behaviours", done, 2)
            return lines

        monkeypatch.setattr(runner, "check_runner", found)
        result = CliRunner().invoke(app, ["runner", "check", *arguments])
        return result.exit_code, result.stdout, result.stderr

    return run


def test_it_ends_with_how_many_held_under_each_runtime(say: Say) -> None:
    code, out, _ = say([HELD, HELD, Checked("runsc", "cpu", "Claim.", True, "seen")])
    assert code == 0
    assert out.splitlines()[-3:-1] == ["runc: 2 of 2 held", "runsc: 1 of 1 held"]
    assert out.splitlines()[-1].startswith("Everything held (")


def test_it_repeats_what_is_open_behind_the_table(say: Say) -> None:
    code, out, _ = say([HELD, OPEN])
    assert code == 6
    *_, again, last = out.splitlines()
    assert again == f"OPEN under runsc: memory bomb: {OPEN.claim} Seen: {OPEN.saw}"
    assert last.startswith("1 of 2 are open (")
    assert last.endswith("a worker takes no work under runsc.")


def test_it_says_that_gvisor_is_not_there_unless_one_runtime_was_asked_for(say: Say) -> None:
    assert "The engine has no runtime runsc: contests under gVisor cannot run here." in say([HELD])[1]
    assert "gVisor" not in say([HELD], "--runtime", "runc")[1]
    assert "gVisor" not in say([HELD, Checked("runsc", "cpu", "Claim.", True, "seen")])[1]


def test_without_a_terminal_it_names_each_part_once_on_stderr_and_nothing_for_a_script(say: Say) -> None:
    assert say([HELD], "--full")[2].splitlines() == ["Trying runc: canaries", "Trying runc: behaviours (2)"]
    assert say([HELD], "--full", "--json")[2] == ""


class Away:
    """A runner whose engine has gone."""

    def slots(self) -> list[Slot]:
        return []

    def status(self, ids: Iterable[AttemptId]) -> dict[AttemptId, Status]:
        return dict.fromkeys(ids, Status.UNKNOWN)


def test_a_check_whose_engine_goes_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "_NO_SLOT_SECONDS", 0.0)
    monkeypatch.setattr(conformance, "_NO_SLOT_PAUSE_SECONDS", 0.0)
    around = Surroundings(Away(), None, "", None, None, None)  # type: ignore[arg-type]
    waiting = [Behaviour("probe", "Claim.", (((Outcome.OK, None),),))]
    with pytest.raises(TimeoutError, match="0 of 1 behaviours"):
        check_all(around, waiting)
