"""Streamlit's configuration, whole and in one place: appearance in light and dark, and what the server refuses.

It is passed to `App.run`, so that neither a user's configuration files nor the current folder change the public board.
"""

from __future__ import annotations

from typing import Any

from arena.settings import ReaderSettings

_LATIN = (
    "U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+0304, U+0308, U+0329, U+2000-206F, "
    "U+20AC, U+2122, U+2191, U+2193, U+2212, U+2215, U+FEFF, U+FFFD"
)
_CYRILLIC = "U+0301, U+0400-045F, U+0490-0491, U+04B0-04B1, U+2116"
_SERIES = ["#2F7FD1", "#D55E00", "#1E9A74", "#C265A0", "#96801C", "#3590C4", "#75838A"]

_LIGHT = {
    "primaryColor": "#0F6E84",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F7F8",
    "textColor": "#17252B",
    "linkColor": "#0F6E84",
    "borderColor": "#DCE4E7",
    "grayTextColor": "#4A5A61",
}
_DARK = {
    "primaryColor": "#4FB9CC",
    "backgroundColor": "#0E1518",
    "secondaryBackgroundColor": "#172126",
    "textColor": "#E4ECEE",
    "linkColor": "#4FB9CC",
    "borderColor": "#2A373D",
}


def streamlit_options(settings: ReaderSettings) -> dict[str, Any]:
    """Return every option that the board sets."""
    faces = [("latin", _LATIN), ("cyrillic", _CYRILLIC)]
    return {
        "server.address": settings.server_address,
        "server.port": settings.server_port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableStaticServing": False,
        "server.enableAgentApi": False,
        "server.showEmailPrompt": False,
        "server.maxUploadSize": 1,
        "server.disconnectedSessionTTL": 30,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.disableDataExport": True,
        # Streamlit collects the whole heap after every run of a page, two thirds of its time; `arena.server` freezes
        # the imported heap and collects on a timer instead. The option is hidden: a test fails when it goes away.
        "runner.postScriptGC": False,
        "runner.magicEnabled": False,
        "theme.font": "Inter, system-ui, sans-serif",
        "theme.headingFont": "Inter, system-ui, sans-serif",
        "theme.baseFontSize": 15,
        "theme.baseRadius": "6px",
        "theme.showWidgetBorder": True,
        "theme.chartCategoricalColors": _SERIES,
        "theme.fontFaces": [
            {"family": "Inter", "url": f"/assets/inter-{name}.woff2", "weight": "100 900", "unicodeRange": characters}
            for name, characters in faces
        ],
        **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in _DARK.items()},
    }
