"""How responses leave the server: security headers, the shell page's head, compressed scripts, and closed doors."""

from __future__ import annotations

import gzip
import mimetypes
import re
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.presentation.catalogue import text
from arena.presentation.html import page_html
from arena.presentation.language import Language
from arena.presentation.views import link
from arena.presentation.wording import Words

# Streamlit's charts compile their expressions with `eval`; nothing else may load or run from anywhere but here.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_PLAIN_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/upload_file", "/_stcore/script-health-check")
_PLAIN = ("/lite", "/api")
_COMPRESSIBLE = {".js", ".css", ".svg", ".json", ".html"}
PAGES = ("/", "/algorithm", "/queue", "/rules")
_SHOWN_OF_PATH = 80


class Delivery:
    """ASGI middleware around the whole server."""

    def __init__(self, app: ASGIApp, *, scripts: Path) -> None:
        """Wrap an application; `scripts` is the folder of Streamlit's own front end."""
        self._app = app
        self._scripts = scripts.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer closed and compressed paths at once; pass everything else on with its headers set."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        send = _with_headers(send, path)
        if path.startswith(_CLOSED):
            await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)
            return
        asset = self._asset(path, Headers(scope=scope).get("accept-encoding", ""))
        if asset is not None:
            await asset(scope, receive, send)
            return
        if path.startswith(("/static/", "/media/", "/assets/", "/_stcore/", *_PLAIN)):
            await self._app(scope, receive, send)
            return
        await self._app(_uncompressed(scope), receive, _ShellPage(send, scope))

    def _asset(self, path: str, accepted: str) -> Response | None:
        if not path.startswith("/static/") or "gzip" not in accepted:
            return None
        file = (self._scripts / path.lstrip("/")).resolve()
        if file.suffix not in _COMPRESSIBLE or self._scripts not in file.parents or not file.is_file():
            return None
        # The names hold a hash of the content, so both caches may keep them for ever.
        headers = {
            "content-encoding": "gzip",
            "vary": "accept-encoding",
            "cache-control": "public, max-age=31536000, immutable",
        }
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(_compressed(file), media_type=kind, headers=headers)


class _ShellPage:
    """Holds back Streamlit's page until it is whole, then sends it with our head."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            if message["status"] == 200 and headers.get("content-type", "").startswith("text/html"):  # noqa: PLR2004
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
            return
        await self._send(message)

    async def _finish(self, start: Message) -> None:
        query = parse_qs(self._scope.get("query_string", b"").decode("latin-1"))
        language = Language.parse((query.get("lang") or [""])[0])
        path: str = self._scope["path"]
        # Streamlit answers every unknown path with its page; a mistyped address must not look like a success.
        known = path in PAGES
        body = (shell_page(self._body.decode(), language) if known else missing_page(path, language)).encode()
        headers = MutableHeaders(raw=[h for h in start["headers"] if h[0] not in {b"etag", b"last-modified"}])
        headers["content-length"] = str(len(body))
        headers["cache-control"] = "no-cache"
        status = 200 if known else 404
        await self._send({"type": "http.response.start", "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body if self._scope["method"] != "HEAD" else b""})


def shell_page(page: str, language: Language) -> str:
    """Give Streamlit's page our language, title, description, style sheet and a way without JavaScript."""
    title = escape(f"{text('site', language)}: {text('nav.leaderboard', language)}")
    about = escape(text("tagline", language))
    plain = "/lite" if language is Language.EN else f"/lite?lang={language}"
    head = (
        f'<title>{title}</title><meta name="description" content="{about}">'
        f'<meta property="og:title" content="{title}"><meta property="og:description" content="{about}">'
        '<meta property="og:type" content="website"><link rel="stylesheet" href="/assets/arena.css">'
        f'<link rel="stylesheet" href="/assets/board.css"><link rel="alternate" href="{plain}">'
    )
    page = page.replace('<html lang="en">', f'<html lang="{language}">', 1)
    page = page.replace('href="./favicon.png"', 'href="/assets/favicon.png"', 1)
    page = re.sub(r'<link rel="service-desc"[^>]*>', "", page)
    page = re.sub(r'<link\s+rel="preload"[^>]*SourceSans[^>]*>', "", page)
    page = re.sub(r"<title>.*?</title>", lambda _: head, page, count=1, flags=re.DOTALL)
    notice = escape(text("noscript", language))
    return re.sub(
        r"<noscript>.*?</noscript>",
        lambda _: f'<noscript><p>{notice} <a href="{plain}">{plain}</a></p></noscript>',
        page,
        count=1,
        flags=re.DOTALL,
    )


def missing_page(path: str, language: Language) -> str:
    """Return the page for an address that does not exist, in our words and without scripts."""
    words = Words(language)
    return page_html(
        page="message", t=words, lang=language.value, title=words("site"), view=None, sections=(), choices=[],
        nav=[(words("nav.leaderboard"), link("/", words), False), (words("nav.rules"), link("/rules", words), False)],
        languages=[], footer=[(words("footer.plain"), link("/lite", words))],
        message=words("unknown.here", value=path[:_SHOWN_OF_PATH]), next_step=words("unknown.next"),
    )  # fmt: skip


@lru_cache(maxsize=512)
def _compressed(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), compresslevel=6, mtime=0)


def _uncompressed(scope: Scope) -> Scope:
    """Ask the inner application for a plain body: the shell page is edited as text."""
    return {**scope, "headers": [h for h in scope["headers"] if h[0] not in {b"accept-encoding", b"if-none-match"}]}


def _with_headers(send: Send, path: str) -> Send:
    policy = _PLAIN_POLICY if path.startswith(_PLAIN) else _POLICY

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "same-origin"
            headers["content-security-policy"] = policy
            headers["permissions-policy"] = "camera=(), geolocation=(), microphone=()"
        await send(message)

    return wrapped
