"""Loops over cases that Numba compiles when they are first called.

Only loops over integers are compiled: they have one result, whatever the processor's features or the compiler's mind. A
compiled loop releases the interpreter's lock. What was compiled is kept beside the module, or in the user's cache, and
is not compiled again on this kind of processor; where neither can be written, each process compiles for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


class Compiled(Generic[P, R]):
    """A function that is compiled for the types of its arguments when it is first called with them.

    Numba takes most of a second to import, so nothing is done before.

    Attributes:
        plain: The function as it was written, run by the interpreter: for tests.
    """

    def __init__(self, plain: Callable[P, R]) -> None:
        """Remember the function."""
        self.plain = plain
        self._compiled: Callable[P, R] | None = None
        update_wrapper(cast("Any", self), plain)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the compiled function."""
        if self._compiled is None:
            self._compiled = _compile(self.plain)
        return self._compiled(*args, **kwargs)


def _compile(plain: Callable[P, R]) -> Callable[P, R]:
    import numba  # noqa: PLC0415 - see `Compiled`

    try:
        return cast("Callable[P, R]", numba.njit(plain, nogil=True, cache=True))
    except RuntimeError:  # Numba found no folder that it may write into
        return cast("Callable[P, R]", numba.njit(plain, nogil=True))
