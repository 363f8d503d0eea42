"""Numbers, times, plurals and texts as readers meet them, in both languages."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.challenge.schema import EntryRule, LimitsDeclaration
from arena.evaluation.comparing import REDRAWN_TOO_OFTEN
from arena.evaluation.metrics import Direction, Fault
from arena.evaluation.scorecard import ATTEMPTS_USED_UP, SET_NOT_FRESH
from arena.evaluation.standing import SECOND_CHOICE
from arena.presentation.boardtables import BOARD_TABLES
from arena.presentation.cardtables import CARD_TABLES
from arena.presentation.catalogue import TEXTS, counted, text
from arena.presentation.language import Language, integer, largest_unit, moment, plural_form, significant
from arena.presentation.reader import Stand
from arena.presentation.records import EstimateRecord, LatencyRecord
from arena.presentation.rounding import auc_digits, round_significant, round_to, whole_percents
from arena.presentation.scale import shared_scale
from arena.presentation.wording import Words
from arena.ranking.adjustment import Adjustment
from arena.ranking.calls import CallTest
from arena.ranking.floors import Unranked
from arena.ranking.schemes import Scheme
from arena.scoring.calibration import Binning
from arena.scoring.confusion import ThresholdSource
from arena.scoring.declared import AttemptSets, Equivocal, Rule
from arena.scoring.estimates import Method, Reason
from arena.scoring.missing import MissingPolicy
from arena.scoring.thresholds import Floor
from arena.scoring.verdict import Verdict
from arena.store.documents import Disclosure
from arena.store.tables import EvaluationState
from runners.values import Outcome

EN, RU = Words(Language.EN), Words(Language.RU)
NBSP = "\N{NO-BREAK SPACE}"
UNDEFINED_IN_RESAMPLES = "undefined_in_resamples"


def placeholders(wording: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(wording) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_a_text_is_whole_in_both_languages_and_names_the_same_facts(key: str) -> None:
    english, russian = TEXTS[key]
    assert english.strip()
    assert russian.strip()
    assert placeholders(english) == placeholders(russian)
    assert english.count("|") == russian.count("|") in {0, 2}


def test_every_russian_sentence_is_in_russian() -> None:
    unchanged = {
        key for key, (english, russian) in TEXTS.items() if english == russian and any(map(str.isalpha, english))
    }
    alike = {"footer.csv", "footer.json", "footer.api", "finding.auc", "adjustment.max_t"}
    alike |= {f"col.{name}" for name in ("z", "p_max_t", "f1", "mcc", "ece")}
    worded = {key for key in unchanged if placeholders(TEXTS[key][0]) == set()}
    assert worded <= alike


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("outcome", list(Outcome)),
        ("stage", list(EvaluationState)),
        ("phase", list(Stand)),
        ("missing", list(MissingPolicy)),
        ("rule.entry", list(EntryRule)),
        ("limit", list(LimitsDeclaration.model_fields)),
        ("method", list(Method)),
        ("reason", [*Reason, *Fault, ATTEMPTS_USED_UP, SET_NOT_FRESH, UNDEFINED_IN_RESAMPLES, REDRAWN_TOO_OFTEN]),
        ("unranked", [*Unranked, SECOND_CHOICE]),
        ("threshold", list(ThresholdSource)),
        ("policy", list(MissingPolicy)),
        ("scheme", list(Scheme)),
        ("adjustment", list(Adjustment)),
        ("test", list(CallTest)),
        ("of", list(Floor)),
        ("direction", list(Direction)),
        ("bins", list(Binning)),
        ("verdict", list(Verdict)),
        ("rule", list(Rule)),
        ("sets", list(AttemptSets)),
        ("equivocal", list(Equivocal)),
        ("table", [*BOARD_TABLES, *CARD_TABLES]),
        ("read", [*BOARD_TABLES, *CARD_TABLES]),
    ],
)
def test_every_member_of_a_closed_set_has_its_words(prefix: str, values: list[str]) -> None:
    assert {f"{prefix}.{value}" for value in values} <= TEXTS.keys()


@pytest.mark.parametrize(
    ("number", "form"), [(1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (12, 2), (14, 2), (21, 0), (22, 1), (111, 2), (0, 2)]
)
def test_russian_numbers_take_their_grammatical_form(number: int, form: int) -> None:
    assert plural_form(number, Language.RU) == form


def test_counts_read_as_language_does() -> None:
    assert counted("count.patients", 1, Language.EN) == "1 patient"
    assert counted("count.patients", 171, Language.RU) == "171 пациент"
    assert counted("count.studies", 4812, Language.EN) == "4,812 hidden studies"
    assert integer(4812, Language.RU) == f"4{NBSP}812"


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(KeyError):
        text("no.such.key", Language.EN)
    with pytest.raises(KeyError):
        text("as_of", Language.EN)


def test_an_auc_has_two_decimals_while_open_and_three_when_closed() -> None:
    assert auc_digits(Disclosure.OPEN) == 2
    assert auc_digits(Disclosure.CLOSED) == 3


def test_an_estimate_is_told_in_words() -> None:
    estimate = EstimateRecord(value=0.87, low=0.82, high=0.91, n=100)
    assert EN.estimate(estimate, 2) == f"0.87 (95{NBSP}% interval 0.82 to 0.91)"
    assert RU.estimate(estimate, 2) == f"0,87 (95{NBSP}% ДИ от 0,82 до 0,91)"


def test_an_absent_value_is_told_as_absent_and_never_as_zero() -> None:
    absent = EstimateRecord(value=None, low=None, high=None, n=12, reason="too few patients")
    assert EN.estimate(absent, 2) == "no value"
    assert EN.interval(absent, 2) == ""
    assert EN.number(None, 2) == "–"


def test_latency_has_two_significant_digits() -> None:
    assert round_significant(0.03849) == 0.038
    assert round_significant(12.51) == 13.0
    assert round_significant(None) is None
    assert EN.latency(LatencyRecord(median_seconds=3.0, p95_seconds=0.1)) == (
        "median 3.0 s",
        f"95{NBSP}% within 0.10 s",
    )
    assert significant(13.0, Language.RU) == "13"


def test_a_latency_below_a_tenth_of_a_second_is_told_in_milliseconds() -> None:
    assert EN.latency(LatencyRecord(median_seconds=0.0123, p95_seconds=0.099)) == (
        "median 12 ms",
        f"95{NBSP}% within 99 ms",
    )
    assert significant(0.03, Language.RU) == "0,030"


def test_rounding_is_half_even_in_decimal() -> None:
    assert [round_to(x, 2) for x in (0.125, 0.135, 0.115)] == [0.12, 0.14, 0.12]


@given(st.dictionaries(st.sampled_from(list(Outcome)), st.integers(0, 5000), min_size=1))
def test_outcome_shares_add_up_to_100_and_hide_no_failure(counts: dict[str, int]) -> None:
    shares = whole_percents(counts)
    assert sum(shares.values()) == (100 if sum(counts.values()) else 0)
    assert set(shares) == {key for key, count in counts.items() if count}
    assert all(share >= 1 for share in shares.values())


def test_outcome_shares_are_told_answers_first_then_by_size() -> None:
    shares = EN.outcomes({"timed_out": 2, "ok": 91, "crashed": 7}).replace(NBSP, " ")
    assert shares == "91 % answered · 7 % crashed · 2 % timed out"
    assert EN.outcomes({"ok": 100}) == "all answered"


def test_times_are_told_in_utc_whatever_their_zone() -> None:
    late = datetime.fromisoformat("2026-03-05T23:30:00-05:00")
    assert moment(late, Language.EN).replace(NBSP, " ") == "6 Mar 2026, 04:30 UTC"
    assert moment(late, Language.RU).replace(NBSP, " ") == "6 марта 2026, 04:30 UTC"


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(days=3, hours=5), ("days", 3)),
        (timedelta(hours=47), ("hours", 47)),
        (timedelta(minutes=119), ("minutes", 119)),
        (timedelta(seconds=90), ("seconds", 90)),
        (timedelta(seconds=-4), ("seconds", 0)),
    ],
)
def test_a_span_is_told_in_its_largest_unit_of_two(span: timedelta, told: tuple[str, int]) -> None:
    assert largest_unit(span) == told
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert EN.span(start, start + span).startswith(str(told[1]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_shared_scale_holds_every_value_with_few_round_ticks(values: list[float]) -> None:
    scale = shared_scale([EstimateRecord(value=v, low=v, high=v, n=10) for v in values])
    assert scale.low <= min(values) + 1e-9
    assert scale.high >= max(values) - 1e-9
    assert 2 <= len(scale.ticks) <= 6
    assert all(0 <= scale.place(v) <= 100 for v in values)


def test_the_scale_of_good_entries_does_not_start_at_zero() -> None:
    scale = shared_scale([EstimateRecord(value=0.93, low=0.89, high=0.96, n=10)])
    assert (scale.low, scale.high) == (0.88, 0.96)
    assert not scale.shows_chance
