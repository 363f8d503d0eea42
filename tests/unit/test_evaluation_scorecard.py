"""A scorecard holds everything that its challenge declares: each number with counts, interval and method."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from arena.challenge.clinical import ReaderRow, ReadersTable
from arena.challenge.schema import Quota
from arena.evaluation.attributes import CaseAttributes
from arena.evaluation.disclosing import fine_parts
from arena.evaluation.jobs import ScoreJob
from arena.evaluation.judging import score_evaluation
from arena.evaluation.record import read_table
from arena.evaluation.scorecard import chosen_on_split
from arena.scoring.details import DetailRules, finding_details
from arena.scoring.evaluate import score_evaluation as compute_scores
from arena.scoring.inputs import ScoringInputs, split_findings
from arena.scoring.norm import norm_cases, norm_scores
from arena.scoring.resampling import resample_seed
from arena.store import documents
from arena.store.attempts import Attempts
from arena.store.documents import Disclosure, Entry, LeaderboardDocument, ScorecardDocument
from arena.store.numbers import Document, Estimate
from runners.values import Outcome
from tests.judged import CLINIC, SOURCE, Judged
from tests.seeding import FINDINGS, declaration


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    judged = Judged(tmp_path_factory.mktemp("contest"))
    judged.enter("good", 2.0, silent=40)
    judged.enter("fair", 1.0)
    return judged


@pytest.fixture(scope="module")
def card(contest: Judged) -> ScorecardDocument:
    return contest.card("good", split=contest.split("good"))


def inputs_of(contest: Judged, card: ScorecardDocument) -> ScoringInputs:
    """Line up the stored answers once more, by the test's own hands."""
    levels = np.full(contest.labels.shape, -1, dtype=np.int32)
    table = read_table(contest.roots.results, card.predictions_sha256)
    for case, finding, level in zip(*(table[name].to_pylist() for name in ("case", "finding", "level")), strict=True):
        levels[contest.names.index(case), FINDINGS.index(finding)] = level
    answered = levels[:, 0] >= 0
    return ScoringInputs(
        findings=FINDINGS,
        thresholds=(5_000, 5_000),
        levels=levels,
        labels=contest.labels,
        patients=np.arange(contest.cases),
        outcomes=tuple(Outcome.OK if ok else Outcome.CRASHED for ok in answered),
        latency_seconds=tuple(0.1 if ok else None for ok in answered),
    )


def test_a_card_holds_what_the_scorer_computes_to_the_last_bit(contest: Judged, card: ScorecardDocument) -> None:
    inputs = inputs_of(contest, card)
    scores = compute_scores(inputs)
    seed = resample_seed("cases", "rules")
    assert card.seed == f"{seed:032x}"
    assert card.macro.value == scores.macro.value
    assert card.macro_half.value == scores.macro_half.value != card.macro.value
    for told, found, part in zip(card.findings, scores.findings, split_findings(inputs), strict=True):
        details = finding_details(part, inputs.missing, DetailRules(seed=seed)).numbers
        assert details is not None
        assert told.numbers is not None
        assert (told.auc.value, told.auc.low, told.auc.high) == (found.auc.value, found.auc.low, found.auc.high)
        assert told.numbers.partial_auc.sensitivity.value == details.partial_auc.sensitivity.value
        assert told.numbers.declared.mcc.low == details.declared.mcc.low
        assert told.numbers.calibration.slope.value == details.calibration.slope.value
        assert told.numbers.calibration.error.null_p95 == details.calibration.error.null_p95
        curve = details.this_set.decision_curve
        assert curve is not None
        assert told.numbers.this_set.decision_curve is not None
        assert told.numbers.this_set.decision_curve.net_benefit == tuple(each.value for each in curve.net_benefit)
        assert (told.n_missing, told.auc_worst) == (found.n_missing, told.auc)


def test_a_card_holds_every_declared_part(contest: Judged, card: ScorecardDocument) -> None:
    first, second = (finding.numbers for finding in card.findings)
    assert first is not None
    assert second is not None
    assert (first.population.prevalence, second.population.prevalence) == (0.05, 0.2)
    assert first.population.source == SOURCE
    assert first.calibrated is not None
    assert first.calibrated.source == "calibration"
    assert card.findings[0].calibrated_threshold is not None
    assert first.calibrated.threshold_level == card.findings[0].calibrated_threshold.level
    assert first.population_calibrated is not None
    assert first.population_calibrated.threshold_level == first.calibrated.threshold_level
    assert (first.population_calibrated.prevalence, first.population_calibrated.source) == (0.05, SOURCE)
    for name in ("ppv", "f1", "mcc"):
        at_set, at_declared = getattr(first.calibrated, name).value, getattr(first.population_calibrated, name).value
        assert at_set is not None
        assert at_declared is not None
        assert at_declared < at_set
    assert (first.this_set.f1, first.this_set.mcc) == (first.declared.f1, first.declared.mcc)
    assert card.any_pathology is not None
    assert card.any_pathology.auc.value is not None
    assert card.norm is not None
    assert card.norm.curve is not None
    assert card.norm.prevalence_source == SOURCE
    assert card.calibration_test is not None
    assert card.calibration_test.readings[0].protocol.attempts_made == 1
    assert [(table.column, table.finding) for table in card.subgroups] == [
        ("sex", None), ("sex", "nodule"), ("sex", "effusion"),
    ]  # fmt: skip
    assert card.calibration_split is not None
    assert card.calibration_references_digest == contest.references


def test_a_card_of_an_earlier_scorer_is_read_without_its_f1_and_mcc_at_a_prevalence(card: ScorecardDocument) -> None:
    body = json.loads(card.model_dump_json())
    for finding in body["findings"]:
        for part in ("this_set", "population", "population_calibrated"):
            for name in ("f1", "mcc"):
                if finding["numbers"][part] is not None:
                    del finding["numbers"][part][name]
    earlier = ScorecardDocument.model_validate_json(json.dumps(body)).findings[0].numbers
    assert earlier is not None
    assert (earlier.population.f1, earlier.population.mcc, earlier.this_set.f1) == (None, None, None)
    assert earlier.population.ppv.value is not None
    assert earlier.declared.f1.value is not None


def test_a_split_on_which_the_entry_was_chosen_among_several_is_told_so() -> None:
    assert chosen_on_split(declaration(), "season-final")
    assert not chosen_on_split(declaration(), "season")
    season, final = declaration().phases
    once = season.model_copy(update={"quota": Quota(per_day=1, total=1)})
    assert not chosen_on_split(declaration().model_copy(update={"phases": (once, final)}), "season-final")


def test_sorting_of_norms_uses_the_declared_threshold(contest: Judged, card: ScorecardDocument) -> None:
    inputs = inputs_of(contest, card)
    limits = contest.declared.norm
    assert limits is not None
    found = norm_scores(
        norm_cases(inputs.levels.astype(np.int32), inputs.labels, inputs.patients, (3_000, 3_000)), limits.to_limits()
    )
    assert card.norm is not None
    assert card.norm.threshold_levels == {"nodule": 3_000, "effusion": 3_000}
    assert (card.norm.n_sorted, card.norm.verdict) == (found.n_sorted, found.verdict)
    assert card.norm.missed_of_incoming.high == found.missed_of_incoming.high


def test_what_is_not_declared_is_not_told(tmp_path: Path) -> None:
    contest = Judged(tmp_path, declaration(min_per_class=30, subgroups={"columns": []}))
    contest.attributes = type(contest.attributes)(contest.names, {})
    card = contest.card(contest.enter("plain", 1.5))
    assert (card.norm, card.calibration_test, card.calibration_split, card.subgroups) == (None, None, None, ())
    numbers = card.findings[0].numbers
    assert numbers is not None
    assert (numbers.population.reason, numbers.calibrated) == ("no_prevalence", None)


@pytest.mark.parametrize(
    ("sets", "attempts", "reason", "made"),
    [
        ("fresh", Attempts(on_set=1, sets=2), None, 2),
        ("fresh", Attempts(on_set=1, sets=3), "attempts_used_up", 3),
        ("fresh", Attempts(on_set=2, sets=1), "set_not_fresh", 1),
        ("same", Attempts(on_set=2, sets=5), None, 2),
        ("same", Attempts(on_set=3, sets=1), "attempts_used_up", 3),
    ],
)
def test_attempts_at_a_calibration_test_are_counted(
    tmp_path: Path, sets: str, attempts: Attempts, reason: str | None, made: int
) -> None:
    rules = {"calibration_test": {"limit": 0.7, "attempts": 2, "attempt_sets": sets}}
    contest = Judged(tmp_path, declaration(**CLINIC | rules))
    test = contest.card(contest.enter("good", 2.5), attempts=attempts).calibration_test
    assert test is not None
    assert (test.reason, test.attempts_made, test.attempts_allowed) == (reason, made, 2)
    assert (test.verdict is None) == (reason is not None) == (test.readings == ())
    if reason is None:
        assert test.readings[0].protocol.alpha == (0.05 if sets == "fresh" else 0.025)


def test_equivocal_references_are_read_both_ways_where_that_is_declared(tmp_path: Path) -> None:
    rules = {"calibration_test": {"limit": 0.7, "equivocal": "both"}}
    contest = Judged(tmp_path, declaration(**CLINIC | rules), unknown=0.1)
    test = contest.card(contest.enter("good", 2.5)).calibration_test
    assert test is not None
    as_positive, as_negative = test.readings
    assert as_positive.findings[0].patients_positive > as_negative.findings[0].patients_positive
    assert test.verdict in {as_positive.verdict, "undecided"}


def test_which_cells_are_shown_is_decided_once_for_all_entries(
    contest: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arena.evaluation import scorecard  # noqa: PLC0415 - patched below

    asked = []
    before = scorecard.suppress

    def counted(*arguments: Any) -> Any:
        asked.append(arguments)
        return before(*arguments)

    monkeypatch.setattr(scorecard, "suppress", counted)
    scorecard._shown.cache_clear()
    contest.card("good")
    contest.card("fair")
    assert len(asked) == 1


def test_the_public_card_is_the_stored_one_without_digests_of_references(
    contest: Judged, card: ScorecardDocument
) -> None:
    public = card.public()
    assert contest.references not in public.model_dump_json()
    assert contest.references in card.model_dump_json()
    assert set(type(card).model_fields) - set(type(public).model_fields) == {
        "references_digest", "calibration_references_digest",
    }  # fmt: skip
    for name in type(public).model_fields:
        assert getattr(public, name) == getattr(card, name)


@pytest.mark.parametrize("name", ["scorecard", "public-scorecard"])
def test_a_card_has_the_published_form_and_survives_json(card: ScorecardDocument, name: str) -> None:
    document = card if name == "scorecard" else card.public()
    Draft202012Validator(documents.json_schema(name)).validate(json.loads(document.model_dump_json()))
    assert type(document).model_validate_json(document.model_dump_json()) == document
    assert "NaN" not in document.model_dump_json()


def test_equal_jobs_give_equal_bytes(contest: Judged) -> None:
    job: ScoreJob = contest.job("good")
    assert score_evaluation(job) == score_evaluation(job)


# No number stands alone.

WITH_COUNTS = {"n", "n_patients", "patients", "resamples"}
WITH_METHOD = {"method", "test", "resamples"}
BESIDE: dict[str, str] = {
    "Calibration": "share of n_answered; the others are estimates",
    "CalibrationError": "estimate has n; the null is of these cases",
    "FindingScores": "the threshold is declared",
    "FindingTest": "patients of each class stand in it; its limits are those of the AUC at alpha",
    "Latency": "measured, n answers",
    "Norm": "declared numbers; the others are estimates",
    "NormCurve": "of the n studies and the abnormal patients of the estimates beside it",
    "NormLimits": "declared",
    "OwnMetric": "its name and version are the method",
    "PartialAuc": "the range is declared",
    "PredictiveValues": "declared prevalence and threshold; both shares are estimates",
    "PassChance": "a computed chance, for the class sizes of the protocol",
    "PrevalenceScores": "the prevalence with its source",
    "Protocol": "declared",
    "ReliabilityBin": "observed has n",
    "ThresholdChoice": "an order statistic of n patients, by the confidence beside it",
}
"""Classes whose numbers are declared, or have their counts beside them, and where."""


NOBODY = {"no_case", "no_positive", "no_negative", "no_macro_finding"}
"""Reasons for which a count is really 0; one that is not known or not told is absent."""


def parts(value: object, place: str = "card") -> Iterator[tuple[str, Document]]:
    """Walk a document."""
    if isinstance(value, Document):
        yield place, value
        for name in type(value).model_fields:
            yield from parts(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from parts(inner, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from parts(inner, f"{place}.{key}")


def has_numbers(part: Document) -> bool:
    values = [getattr(part, name) for name in type(part).model_fields]
    return any(isinstance(v, float) or (isinstance(v, tuple) and v and isinstance(v[0], float)) for v in values)


def hold_to_the_promise(document: Document, beside: dict[str, str]) -> tuple[int, set[str]]:
    """Walk a document; return how many estimates it holds, and which exemptions it needs."""
    estimates, exempt = 0, set()
    for place, part in parts(document):
        fields = set(type(part).model_fields)
        told = {name for name in fields if getattr(part, name) is not None}
        if isinstance(part, Estimate):
            estimates += 1
            assert part.method, place
            assert part.n or part.reason, place
            assert part.n is not None or part.value is None or ".readers." in place, place
            assert part.n != 0 or part.reason in NOBODY, place
            if part.value is None or part.low is None:
                assert part.reason, place
            else:
                assert part.high is not None, place
                assert part.low <= part.value <= part.high, place
        elif has_numbers(part):
            if type(part).__name__ in beside:
                exempt.add(type(part).__name__)
                continue
            assert told & WITH_COUNTS, place
            assert told & WITH_METHOD, place
            if "low" in told:
                assert "high" in told, place
                # A test and an interval are two methods.
                assert "interval" in told or "p" not in fields, place
    return estimates, exempt


def test_no_number_stands_without_counts_interval_and_method(card: ScorecardDocument) -> None:
    estimates, _ = hold_to_the_promise(card, BESIDE)
    assert estimates > 100
    assert card.scorer_version


def test_where_counts_are_not_told_they_are_absent_and_no_zero(tmp_path: Path) -> None:
    contest = Judged(tmp_path, cases=480)
    effusion = contest.labels[:, FINDINGS.index("effusion")]
    site = tuple("A" if case % 3 == 0 and not ill else "BC"[case % 2] for case, ill in enumerate(effusion))
    contest.attributes = CaseAttributes(contest.names, {"site": site})
    contest.declared = declaration(**CLINIC)
    hidden = contest.card(contest.enter("good", 1.5))
    contest.declared = declaration(**CLINIC | {"min_per_class": 400, "calibration_test": None})
    rare = contest.card("good")
    untold = [
        (place, part)
        for card in (hidden, rare)
        for place, part in parts(card)
        if isinstance(part, Estimate) and part.n is None
    ]
    assert {part.reason for _, part in untold} == {"suppressed", "too_few_patients"}
    assert {(part.value, part.n_positive) for _, part in untold} == {(None, None)}
    assert {place.rpartition(".")[2] for place, part in untold} == {"auc", "ppv", "npv"}
    for card in (hidden, rare):
        hold_to_the_promise(card, BESIDE)


BESIDE_ON_BOARD = {
    "EntryStability": "of the patients and resamples of Stability",
    "FindingScores": "the threshold is declared",
    "Latency": "measured, n answers",
    "LeaderboardDocument": "alpha is declared",
    "NonInferiority": "counts and interval of the pair that holds it",
    "PolicyRanking": "tau of the entries in it, whose scores are estimates",
    "SchemeRanking": "tau of the entries in it",
}
"""The same for a leaderboard."""


def test_no_number_of_a_leaderboard_stands_without_counts_interval_and_method(tmp_path: Path) -> None:
    rows = (
        ReaderRow(finding="nodule", label="R1", n_positive=20, n_negative=30, true_positive=18, true_negative=24),
        ReaderRow(finding="nodule", label="Mean", readers=3, sensitivity="0.8", specificity="0.9", source="2026"),
        ReaderRow(finding="effusion", label="R2", kind="curve", sensitivity="0.8", specificity="0.9"),
    )
    table = ReadersTable(file="readers.csv", rows=rows)
    contest = Judged(tmp_path, declaration(**CLINIC).model_copy(update={"readers": table}), unknown=0.1)
    for name, strength, silent in (("good", 2.0, 0), ("fair", 1.0, 0), ("silent", 2.2, 8)):
        contest.enter(name, strength, silent=silent)
    document = board(contest, "good", "fair", "silent")
    assert document.scorer_version
    estimates, exempt = hold_to_the_promise(document, BESIDE_ON_BOARD)
    assert estimates > 20
    assert exempt == set(BESIDE_ON_BOARD)
    assert {len(document.pairs), len(document.policies)} == {3}
    assert document.calls
    assert document.stability is not None
    assert document.readers is not None


def board(contest: Judged, *names: str) -> LeaderboardDocument:
    """Return the document of a closed phase of these entries."""
    cards = {name: contest.card(name) for name in names}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    some = cards[names[0]]
    return LeaderboardDocument(
        challenge="small", phase="season", revision=1, as_of=now, disclosure=Disclosure.CLOSED, case_set="public",
        case_set_digest="cases", judging_digest="rules", challenge_version="version", alpha=0.05,
        scorer_version=some.scorer_version, n_cases=some.n_cases, n_patients=some.n_patients, missing=some.missing,
        entries=tuple(
            Entry(
                submission=name, vendor=name, vendor_name=name, algorithm=name, algorithm_name=name, image_id="sha256:0",
                rank=1, rank_low=1, rank_high=3, tied_with_first=True, macro=card.macro, latency=card.latency,
                outcomes=card.outcomes, submitted_at=now, evaluated_at=now,
                findings=tuple(finding.model_copy(update={"numbers": None}) for finding in card.findings),
            )
            for name, card in cards.items()
        ),
        **fine_parts(contest.rank(*names)),
    )  # fmt: skip


def test_no_number_is_infinite_or_nan(card: ScorecardDocument) -> None:
    def numbers(value: object) -> Iterator[float]:
        if isinstance(value, float):
            yield value
        elif isinstance(value, dict):
            for inner in value.values():
                yield from numbers(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from numbers(inner)

    found = list(numbers(json.loads(card.model_dump_json())))
    assert len(found) > 1_000
    assert all(map(math.isfinite, found))
