"""The leaderboard of a phase: the line of facts, the table, and by finding once the phase has closed."""

from __future__ import annotations

import streamlit as st

from arena.board import address, context
from arena.board.controls import choose_challenge, choose_language, choose_phase
from arena.presentation.charts import HEIGHT, MOST_CURVES, forest_spec, roc_spec
from arena.presentation.details import local, queue_view
from arena.presentation.html import header_html, leaderboard_html, links_html, note_html
from arena.presentation.reader import ChallengeFacts, PhaseFacts, Reader
from arena.presentation.views import leaderboard_view, link
from arena.presentation.wording import Words
from arena.store.documents import Disclosure

_CHOSEN_AT_FIRST = 3
_REFRESH = "10s"


def show(words: Words) -> None:
    """Draw the page."""
    reader = context.reader()
    head = st.container()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        challenge = choose_challenge(reader, words)
        facts = choose_phase(reader, challenge, words)
        choose_language(words)
    view = leaderboard_view(facts, words, entry_path="/algorithm")
    head.html(header_html(view))
    st.html(leaderboard_html(view, words))
    if facts.record is not None and facts.record.disclosure is Disclosure.CLOSED and facts.record.entries:
        _by_finding(facts, words)
    _watch(reader, challenge, facts, words)
    st.html(links_html(_links(facts, words)))


def _by_finding(facts: PhaseFacts, words: Words) -> None:
    record = facts.record
    if record is None:
        return
    names = {f.code: local(f.name, words) for f in facts.challenge.declaration.findings}
    findings = [f.finding for f in record.entries[0].findings]
    labels = {e.entry: f"{e.algorithm_name} · {e.vendor_name}" for e in record.entries}
    if not findings:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        finding = _choose_finding(findings, names, words)
        entries = _choose_entries(list(labels), labels, words)
    left, right = st.columns(2, gap="medium")
    shown = ", ".join(labels[code] for code in entries)
    with left.container(border=True, height="stretch"):
        st.html(f'<h2 class="ar-chart-title">{words("chart.forest")}</h2>')
        alt = words("chart.forest_alt", finding=names.get(finding, finding), entries=", ".join(labels.values()))
        st.vega_lite_chart(spec=forest_spec(record, finding, words), height=HEIGHT, alt=alt)
        st.html(note_html(words("chart.forest_note")))
    with right.container(border=True, height="stretch"):
        st.html(f'<h2 class="ar-chart-title">{words("chart.roc")}</h2>')
        if entries:
            alt = words("chart.roc_alt", finding=names.get(finding, finding), entries=shown)
            st.vega_lite_chart(spec=roc_spec(facts, finding, entries, words), height=HEIGHT, alt=alt)
            st.html(note_html(words("chart.roc_note")))
        else:
            st.html(note_html(words("empty.charts")))


def _choose_finding(findings: list[str], names: dict[str, str], words: Words) -> str:
    chosen, _ = address.choose("finding", findings, findings[0])
    value = st.selectbox(
        words("choose.finding"),
        findings,
        index=findings.index(chosen),
        format_func=lambda code: names.get(code, code),
        key=f"control.finding.{words.language}",
        width=260,
    )
    address.keep("finding", value, default=findings[0])
    return str(value)


def _choose_entries(codes: list[str], labels: dict[str, str], words: Words) -> list[str]:
    asked = address.asked("entries")
    first = [code for code in (asked or "").split(",") if code in codes]
    if asked is None:
        first = codes[:_CHOSEN_AT_FIRST]
    value = st.multiselect(
        words("choose.entries"),
        codes,
        default=first[:MOST_CURVES],
        format_func=labels.__getitem__,
        max_selections=MOST_CURVES,
        placeholder=words("choose.entries_none"),
        key=f"control.entries.{words.language}",
    )
    address.keep("entries", ",".join(value), default=",".join(codes[:_CHOSEN_AT_FIRST]))
    return list(value)


@st.fragment(run_every=_REFRESH)
def _watch(reader: Reader, challenge: ChallengeFacts, facts: PhaseFacts, words: Words) -> None:
    """Say what is in the queue, and draw the whole page anew when a newer revision or another state is there."""
    now = reader.phase(challenge, facts.phase.name)
    if (now.document_sha256, now.stand) != (facts.document_sha256, facts.stand):
        st.rerun()
    queue = queue_view(challenge, reader.queue(challenge), words, reader.now())
    st.html(note_html(queue.summary))


def _links(facts: PhaseFacts, words: Words) -> list[tuple[str, str]]:
    slug, phase = facts.challenge.slug, facts.phase.name
    table = f"/api/v1/challenges/{slug}/phases/{phase}/leaderboard"
    return [
        (words("footer.link"), link("/", words, challenge=slug, phase=phase)),
        *([(words("footer.csv"), f"{table}?format=csv")] if facts.record else []),
        (words("footer.json"), table),
        (words("footer.plain"), link("/lite", words, challenge=slug, phase=phase)),
        (words("footer.api"), "/api/docs"),
    ]
