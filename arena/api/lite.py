"""The plain pages: the same views as the interactive board, as HTML that needs no JavaScript."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from arena.errors import HostError, NotFound
from arena.presentation.details import entry_view, local, queue_view, rules_view
from arena.presentation.html import page_html
from arena.presentation.language import Language
from arena.presentation.reader import ChallengeFacts, Reader, default_phase
from arena.presentation.sections import board_sections, card_sections, finest_phase
from arena.presentation.views import leaderboard_view, link
from arena.presentation.wording import Words

ENTRY_PATH = "/lite/algorithm"
_KEPT_SECONDS = 10.0
_MOST_KEPT = 256
_PATHS = {
    "leaderboard": "/lite",
    "queue": "/lite/queue",
    "rules": "/lite/rules",
}


class PageCache:
    """Pages by address for a few seconds, so that many readers cost one reading of the store."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start empty; `clock` counts seconds."""
        self._clock = clock
        self._pages: OrderedDict[str, tuple[float, int, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], tuple[int, str]]) -> tuple[int, str]:
        """Return the status and text of a page, made anew when it is missing or old."""
        now = self._clock()
        with self._lock:
            kept = self._pages.get(key)
        if kept is not None and now - kept[0] < _KEPT_SECONDS:
            return kept[1], kept[2]
        status, text = make()
        with self._lock:
            self._pages[key] = (now, status, text)
            self._pages.move_to_end(key)
            while len(self._pages) > _MOST_KEPT:
                self._pages.popitem(last=False)
        return status, text


def lite_routes(reader: Callable[[], Reader]) -> list[BaseRoute]:
    """Return the routes of the plain pages; `reader` is called when a page must be made."""
    cache = PageCache()

    def endpoint(make: Callable[[Reader, dict[str, str], Words], str], name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            parameters = {key: request.query_params[key] for key in _KNOWN if key in request.query_params}
            words = Words(Language.parse(parameters.get("lang")))
            key = f"{name}?{sorted(parameters.items())}"
            status, text = cache.get(key, lambda: _made(make, reader, parameters, words))
            return HTMLResponse(text, status_code=status, headers={"cache-control": "public, max-age=10"})

        return answer

    return [
        Route("/lite", endpoint(_leaderboard, "leaderboard")),
        Route("/lite/algorithm", endpoint(_algorithm, "algorithm")),
        Route("/lite/queue", endpoint(_queue, "queue")),
        Route("/lite/rules", endpoint(_rules, "rules")),
    ]


_KNOWN = ("challenge", "phase", "entry", "lang")


def _made(
    make: Callable[[Reader, dict[str, str], Words], str],
    reader: Callable[[], Reader],
    parameters: dict[str, str],
    words: Words,
) -> tuple[int, str]:
    try:
        return 200, make(reader(), parameters, words)
    except NotFound as error:
        given = str(error.facts.get("code_given", ""))
        message = words("unknown.here", value=given) if given else words("empty.entry")
        next_step = words("unknown.next") if given else ""
        return 404, _page("message", words, {}, message=message, next_step=next_step)
    except HostError:
        return 503, _page("message", words, parameters, message=words("error.store"), next_step="")


def _chosen(reader: Reader, parameters: dict[str, str]) -> ChallengeFacts | None:
    if "challenge" in parameters:
        return reader.challenge(parameters["challenge"])
    known = reader.challenges()
    return known[0] if known else None


def _leaderboard(reader: Reader, parameters: dict[str, str], words: Words) -> str:
    challenge = _chosen(reader, parameters)
    if challenge is None:
        return _empty(words, parameters)
    phases = [reader.phase(challenge, phase.name) for phase in challenge.declaration.phases]
    facts = reader.phase(challenge, parameters["phase"]) if "phase" in parameters else default_phase(phases)
    view = leaderboard_view(facts, words, entry_path=ENTRY_PATH)
    address = {"challenge": challenge.slug}
    choices = [
        (local(p.phase.title, words), link("/lite", words, **address, phase=p.phase.name), p.phase == facts.phase)
        for p in phases
    ]
    base = f"/api/v1/challenges/{challenge.slug}/phases/{facts.phase.name}/leaderboard"
    footer = [
        (words("footer.full"), link("/", words, **address, phase=facts.phase.name)),
        *([(words("footer.csv"), f"{base}?format=csv")] if facts.record else []),
        (words("footer.json"), base),
        (words("footer.api"), "/api/docs"),
    ]
    others = [c for c in reader.challenges() if c.slug != challenge.slug]
    footer += [(local(c.declaration.title, words), link("/lite", words, challenge=c.slug)) for c in others]
    return _page(
        "leaderboard",
        words,
        parameters,
        view=view,
        choices=choices,
        footer=footer,
        title=f"{view.challenge}: {view.phase}",
        sections=board_sections(facts, words, ENTRY_PATH),
    )


def _algorithm(reader: Reader, parameters: dict[str, str], words: Words) -> str:
    if "entry" not in parameters:
        raise NotFound(kind="entry", code_given="")
    facts = reader.entry(parameters["entry"])
    view = entry_view(facts, words, board_path="/lite", entry_path=ENTRY_PATH)
    footer = [(words("footer.full"), link("/algorithm", words, entry=view.entry))]
    found = finest_phase(reader, facts, parameters.get("phase"))
    sections = () if found is None else card_sections(*found, view.entry, words)
    title = f"{view.algorithm}, {view.by}"
    return _page("algorithm", words, parameters, view=view, footer=footer, title=title, sections=sections)


def _queue(reader: Reader, parameters: dict[str, str], words: Words) -> str:
    challenge = _chosen(reader, parameters)
    if challenge is None:
        return _empty(words, parameters)
    view = queue_view(challenge, reader.queue(challenge), words, reader.now())
    return _page("queue", words, parameters, view=view, title=f"{view.challenge}: {words('nav.queue')}")


def _rules(reader: Reader, parameters: dict[str, str], words: Words) -> str:
    challenge = _chosen(reader, parameters)
    if challenge is None:
        return _empty(words, parameters)
    view = rules_view(challenge, words)
    return _page("rules", words, parameters, view=view, title=f"{view.challenge}: {words('nav.rules')}")


def _empty(words: Words, parameters: dict[str, str]) -> str:
    return _page(
        "message", words, parameters, message=words("empty.challenges"), next_step=words("empty.challenges_next")
    )


def _page(page: str, words: Words, parameters: dict[str, str], **context: object) -> str:
    kept = {key: value for key, value in parameters.items() if key != "lang"}
    across = {key: value for key, value in kept.items() if key == "challenge"}
    here = ENTRY_PATH if page == "algorithm" else _PATHS.get(page, "/lite")
    given = {
        "view": None,
        "sections": (),
        "choices": [],
        "footer": [(words("footer.full"), link("/", words))],
        "title": words("site"),
    }
    return page_html(
        **{**given, "message": "", "next_step": "", **context},
        page=page,
        t=words,
        lang=words.language.value,
        nav=[(words(f"nav.{name}"), link(path, words, **across), name == page) for name, path in _PATHS.items()],
        languages=[(code.value.upper(), link(here, Words(code), **kept), code is words.language) for code in Language],
    )
