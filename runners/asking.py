"""What the client library raises while an engine is asked, as our own faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from runners.faults import EngineRefused, EngineUnavailable

_NO_ANSWER = (DockerException, RequestException, HTTPError, ConnectionError, TimeoutError)


@contextmanager
def asking(action: str) -> Iterator[None]:
    """Turn what the client library raises while it asks the engine into our own faults."""
    try:
        yield
    except APIError as error:
        raise EngineRefused(action, error.status_code, str(error.explanation or error)) from error
    except _NO_ANSWER as error:
        msg = f"The container engine does not {action}: {error}"
        raise EngineUnavailable(msg) from error
