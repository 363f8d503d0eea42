"""The address bar: every view is a link with stable codes, and choices survive a change of page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

_KEPT = "address."


def asked(name: str) -> str | None:
    """Return a parameter of the address, else what was chosen before on another page."""
    value = st.query_params.get(name)
    return value if value is not None else st.session_state.get(_KEPT + name)


def keep(name: str, value: str | None, *, default: str | None = None) -> None:
    """Put a choice into the address and remember it; the default needs no parameter."""
    st.session_state[_KEPT + name] = value
    if value is None or value == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != value:
        st.query_params[name] = value


def choose(name: str, known: Sequence[str], default: str) -> tuple[str, str | None]:
    """Return the asked code, or the default and the unknown code that was asked for."""
    value = asked(name)
    if value is None or value in known:
        return value or default, None
    return default, value
