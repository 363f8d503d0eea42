"""The public server: one ASGI process with the interactive board, the plain pages and the API.

`python -m arena.server` starts it with the address, the port and the appearance that the settings and
`arena.board.theme` name; it needs neither the vault nor a container engine and never opens them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import streamlit
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from arena.api.application import create_api
from arena.api.lite import lite_routes
from arena.blobs import BlobStore
from arena.board import context, main, shell
from arena.board.delivery import Delivery
from arena.board.theme import streamlit_options
from arena.presentation import charts
from arena.presentation.html import environment
from arena.presentation.language import Language
from arena.presentation.reader import Reader
from arena.settings import ReaderSettings
from arena.store.session import Store

_COLLECT_SECONDS = 30.0
_log = logging.getLogger(__name__)


def create_reader(settings: ReaderSettings) -> Reader:
    """Return the reader of a settings' store and public documents; nothing is opened yet."""
    return Reader(Store(settings.database), BlobStore(settings.public_root))


def create_app(settings: ReaderSettings) -> streamlit.App:
    """Build the ASGI application."""
    reader = create_reader(settings)
    context.install(reader)
    assets = Path(main.__file__).parent / "assets"
    scripts = Path(streamlit.__file__).parent / "static"
    return streamlit.App(
        Path(main.__file__),
        routes=[
            Mount("/api", create_api(lambda: reader)),
            Mount("/assets", StaticFiles(directory=assets)),
            *lite_routes(lambda: reader),
        ],
        lifespan=_lifespan,
        middleware=[Middleware(Delivery, scripts=scripts)],
        on_script_error=shell.say_failure,
    )


@contextlib.asynccontextmanager
async def _lifespan(_app: streamlit.App) -> AsyncIterator[dict[str, Any]]:
    """Warm what every page needs, take it out of the collector's sight, and collect the rest on a timer."""
    await asyncio.to_thread(_warm)
    gc.collect()
    gc.freeze()
    collector = asyncio.create_task(_collect())
    try:
        yield {}
    finally:
        collector.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await collector


def _warm() -> None:
    import pandas  # noqa: F401, ICN001, PLC0415 - Streamlit imports both at the first chart
    import pyarrow  # noqa: F401, ICN001, PLC0415

    for language in Language:
        charts.warm(language)
    environment().get_template("lite.html.j2")


async def _collect() -> None:
    while True:
        await asyncio.sleep(_COLLECT_SECONDS)
        gc.collect()


def run(settings: ReaderSettings) -> None:
    """Serve until the process is told to stop."""
    create_app(settings).run(config=streamlit_options(settings))


if __name__ == "__main__":
    run(ReaderSettings())
