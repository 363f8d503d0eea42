"""Views of one algorithm, of the queue and of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from markdown_it import MarkdownIt

from arena.challenge.schema import Text
from arena.presentation.language import moment
from arena.presentation.reader import ChallengeFacts, EntryFacts, PhaseFacts
from arena.presentation.records import EntryRecord, FindingRecord
from arena.presentation.rounding import auc_digits
from arena.presentation.sandbox import Lines, sandbox_lines
from arena.presentation.scale import shared_scale
from arena.presentation.views import IntervalView, link, margin_digits, place_estimate, rank_range
from arena.presentation.wording import Words
from arena.store.reading import EvaluationRow
from arena.store.tables import EvaluationState

_BELOW_PAGE, _LOWEST_HEADING = 3, 6
_DIGITS = 3
_EXPLAINED = frozenset({EvaluationState.HELD, EvaluationState.UNSCORED})
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding's line in an algorithm's table; cells hold a value and its limits."""

    name: str
    note: str
    cases: str
    threshold: str
    drawn: IntervalView | None
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StandingView:
    """An entry on one phase's leaderboard."""

    phase: str
    href: str
    state: str
    score: str
    rank: str
    answers: str
    latency: str
    findings: tuple[FindingView, ...]
    ticks: tuple[tuple[float, str], ...]
    answered_cases: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """An algorithm's page."""

    entry: str
    algorithm: str
    by: str
    challenge: str
    facts: tuple[tuple[str, str], ...]
    standings: tuple[StandingView, ...]
    notes: tuple[str, ...]
    sandboxes: tuple[Lines, ...]
    history: tuple[tuple[str, str, str, str], ...]
    permalink: str


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One evaluation of the queue."""

    position: str
    entry: str
    algorithm: str
    vendor: str
    phase: str
    stage: str
    stage_word: str
    share: float | None
    progress: str
    elapsed: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """The live queue of a challenge."""

    challenge: str
    lines: tuple[QueueLine, ...]
    summary: str
    checked: str


@dataclass(frozen=True, slots=True)
class RulesView:
    """The rules of a challenge by its newest version; `body` is HTML made from the organiser's Markdown."""

    challenge: str
    version: str
    body: str
    about: tuple[tuple[str, str], ...]
    phases: tuple[tuple[str, str, str, str, str], ...]
    findings: tuple[tuple[str, str, str], ...]
    limits: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]


def local(texts: Text, words: Words) -> str:
    """Return the text of the page's language."""
    return texts.ru if words.language == "ru" else texts.en


def entry_view(facts: EntryFacts, words: Words, *, board_path: str, entry_path: str) -> EntryView:
    """Word an algorithm's page."""
    submission = facts.submission.submission
    standings = []
    for phase in facts.phases:
        record = phase.record.entry(submission.code) if phase.record else None
        if record is not None:
            standings.append(_standing(phase, record, words, board_path))
    return EntryView(
        entry=submission.code,
        algorithm=facts.submission.algorithm.name,
        by=words("entry.by", vendor=facts.submission.vendor.name),
        challenge=local(facts.challenge.declaration.title, words),
        facts=_fact_sheet(facts, words),
        standings=tuple(standings),
        notes=tuple(_not_better(phase, words) for phase in facts.not_better) or (words("entry.not_listed"),),
        sandboxes=_sandboxes(facts, words),
        history=tuple(_history(facts, row, words, entry_path) for row in facts.history),
        permalink=link(entry_path, words, entry=submission.code),
    )


def queue_view(challenge: ChallengeFacts, rows: list[EvaluationRow], words: Words, now: datetime) -> QueueView:
    """Word the queue as it stands at `now`, an aware time."""
    lines, position = [], 0
    for row in rows:
        if row.evaluation.state == EvaluationState.QUEUED:
            position += 1
        lines.append(_queue_line(challenge, row, position, words, now))
    running = sum(row.evaluation.state in {EvaluationState.RUNNING, EvaluationState.RECORDED} for row in rows)
    return QueueView(
        challenge=local(challenge.declaration.title, words),
        lines=tuple(lines),
        summary=words("queue.line", waiting=words.integer(position), running=words.integer(running)),
        checked=words("queue.updated", time=f"{now.astimezone(UTC):%H:%M:%S}"),
    )


def rules_view(challenge: ChallengeFacts, words: Words) -> RulesView:
    """Word the rules of a challenge."""
    declaration = challenge.declaration
    titles = {phase.name: local(phase.title, words) for phase in declaration.phases}
    splits = {each.name: words(f"split.{each.split}") for each in declaration.case_sets}
    phases = []
    for phase in declaration.phases:
        if phase.opens_at is not None and phase.closes_at is not None:
            window = (moment(phase.opens_at, words.language), moment(phase.closes_at, words.language))
            quota = words("rules.quota_text", day=phase.quota.per_day, total=phase.quota.total)
        else:
            followed = titles[phase.follows or ""]
            window = (words("rules.after", phase=followed), "–")
            quota = words("rules.quota_none", phase=followed)
        phases.append((titles[phase.name], *window, f"{splits[phase.cases]} ({phase.cases})", quota))
    about = [
        (words("rules.organiser"), declaration.organiser),
        (words("rules.modality"), declaration.modality),
        (words("rules.source"), declaration.source),
    ]
    text = challenge.rules.get(words.language.value, "")
    return RulesView(
        challenge=local(declaration.title, words),
        version=words("rules.version", number=challenge.number, moment=moment(challenge.valid_from, words.language)),
        body=rules_html(text) if text.strip() else "",
        about=tuple((name, value) for name, value in about if value),
        phases=tuple(phases),
        findings=tuple((local(f.name, words), f.code, words.number(f.threshold, 2)) for f in declaration.findings),
        limits=tuple(
            (words(f"limit.{name}"), words.seconds(value) if name.endswith("_seconds") else f"{value:g}")
            for name, value in declaration.limits.model_dump().items()
        ),
        headers=declaration.headers,
    )


def rules_html(markdown: str) -> str:
    r"""Turn the organiser's rules into HTML: no raw HTML and no images, so that nothing foreign is loaded or run.

    Its highest heading becomes the third level, for it stands under the page's own.

    Example:
        >>> rules_html("# Rules")
        '<h3>Rules</h3>\n'
        >>> rules_html("**Yes** <b>no</b> ![x](http://example.org/x.png)")
        '<p><strong>Yes</strong> &lt;b&gt;no&lt;/b&gt; !<a href="http://example.org/x.png">x</a></p>\n'
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(markdown)
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    down = _BELOW_PAGE - min((int(token.tag[1:]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(_LOWEST_HEADING, int(token.tag[1:]) + down)}"
    return str(parser.renderer.render(tokens, parser.options, {}))


def _not_better(phase: PhaseFacts, words: Words) -> str:
    eta = 0.0 if phase.document is None or phase.document.ladder_eta is None else phase.document.ladder_eta
    return words("entry.not_better", phase=local(phase.phase.title, words), eta=words.number(eta, margin_digits(eta)))


def _standing(phase: PhaseFacts, entry: EntryRecord, words: Words, board_path: str) -> StandingView:
    record = phase.record
    disclosure_digits = auc_digits(record.disclosure) if record else _DIGITS
    names = {f.code: local(f.name, words) for f in phase.challenge.declaration.findings}
    scale = shared_scale(finding.auc for finding in entry.findings)
    rank = words("rank.none")
    if entry.rank is not None and record is not None:
        ranked = sum(each.rank is not None for each in record.entries)
        rank = words("entry.rank", rank=entry.rank, count=ranked)
        span = rank_range(entry, words)
        rank += f" ({words('column.rank_note')} {span})" if span else ""
    answered = entry.macro_auc_answered_cases
    return StandingView(
        phase=local(phase.phase.title, words),
        href=link(board_path, words, challenge=phase.challenge.slug, phase=phase.phase.name),
        state=words(f"phase.{phase.stand}"),
        score=words.estimate(entry.macro_auc, disclosure_digits),
        rank=rank,
        answers=words.outcomes(entry.outcome_percents),
        latency=" · ".join(part for part in words.latency(entry.latency) if part),
        findings=tuple(
            FindingView(
                name=names.get(finding.finding, finding.finding),
                note="" if finding.in_macro else words("finding.outside"),
                cases=f"{words.integer(finding.n_positive)} / {words.integer(finding.n)}",
                threshold=words.number(finding.threshold, 2),
                drawn=place_estimate(finding.auc, scale),
                cells=_cells(finding, words),
            )
            for finding in entry.findings
        ),
        ticks=tuple((scale.place(tick), words.number(tick, 2)) for tick in scale.ticks),
        answered_cases="" if answered is None else words.estimate(answered, disclosure_digits),
    )


def _cells(finding: FindingRecord, words: Words) -> tuple[tuple[str, str], ...]:
    estimates = (finding.auc, finding.sensitivity, finding.specificity, finding.ppv, finding.npv, finding.brier)
    # A finding without any number says why once, in its first cell.
    alike = finding.auc.value is None
    return tuple(
        (words.number(e.value, _DIGITS), words.narrow(e, _DIGITS) or words.why(None if alike and k else e.reason))
        for k, e in enumerate(estimates)
    )


def _fact_sheet(facts: EntryFacts, words: Words) -> tuple[tuple[str, str], ...]:
    submission = facts.submission.submission
    limits = facts.challenge.declaration.limits
    size = words.integer(max(1, round(submission.image_size_bytes / _MIB)))
    return (
        (words("entry.image"), submission.image_id),
        (words("entry.size"), words("mebibytes", number=size)),
        (words("entry.mode"), submission.mode),
        (
            words("entry.limits"),
            words(
                "entry.limits_text",
                memory=words.integer(limits.memory_mib),
                cpus=f"{limits.cpus:g}",
                gpus=limits.gpus,
                seconds=words.seconds(limits.case_seconds),
                startup=words.seconds(limits.startup_seconds),
            ),
        ),
        (words("entry.submitted"), moment(submission.submitted_at, words.language)),
    )


def _sandboxes(facts: EntryFacts, words: Words) -> tuple[Lines, ...]:
    """Word what held this entry's containers in; the same once, however many evaluations it was."""
    code = facts.submission.submission.code
    own = [row.evaluation.sandboxes or [] for row in facts.history if row.submission.code == code]
    return tuple(dict.fromkeys(sandbox_lines(manifest, words) for manifests in own for manifest in manifests))


def _history(facts: EntryFacts, row: EvaluationRow, words: Words, entry_path: str) -> tuple[str, str, str, str]:
    """Return the phase, the entry's address, its code and where its evaluation stands."""
    phase = facts.challenge.declaration.phase(row.evaluation.phase)
    title = local(phase.title, words) if phase else row.evaluation.phase
    state = words(f"stage.{row.evaluation.state}")
    when = moment(row.evaluation.ended_at or row.evaluation.queued_at, words.language)
    code = row.submission.code
    return title, link(entry_path, words, entry=code), code, f"{state}, {when}"


def _queue_line(challenge: ChallengeFacts, row: EvaluationRow, position: int, words: Words, now: datetime) -> QueueLine:
    evaluation = row.evaluation
    phase = challenge.declaration.phase(evaluation.phase)
    queued = evaluation.state == EvaluationState.QUEUED
    running = evaluation.state == EvaluationState.RUNNING and row.cases_total > 0
    start = evaluation.queued_at if queued else (evaluation.started_at or evaluation.queued_at)
    return QueueLine(
        position=str(position) if queued else "",
        entry=evaluation.submission_code,
        algorithm=row.algorithm.name,
        vendor=row.vendor.name,
        phase=local(phase.title, words) if phase else evaluation.phase,
        stage=evaluation.state,
        stage_word=words(f"stage.{evaluation.state}"),
        share=round(100 * row.cases_done / row.cases_total, 1) if running else None,
        progress=words("queue.cases", done=words.integer(row.cases_done), total=words.integer(row.cases_total))
        if running
        else "",
        elapsed=words.span(start, evaluation.ended_at or now),
        reason=words(f"stage.{evaluation.state}_why") if evaluation.state in _EXPLAINED else "",
    )
