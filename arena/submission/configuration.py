"""An image's configuration: what the engine would read in it, of the right types, and with nothing odd in it.

The engine reads JSON as Go does: keys without regard to case, the last of two that are equal. A configuration that
says `WorkingDir` for us and `workingdir` for the engine is therefore refused, not read. Types are checked for every
key that the engine knows, whether it matters here or not: an image that the engine cannot load is its vendor's to mend.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any, NoReturn, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arena.errors import ArchiveUnreadable, ImagePlatform, ImageSettingRefused, NothingToStart
from arena.submission.caps import ImageCaps
from arena.submission.layers import REBUILD

_INT64 = 2**63
_TIME = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)")  # fmt: skip # noqa: E501
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?|")
_INTERPRETERS = frozenset({"bash", "sh", "ash", "dash", "zsh", "python", "python3", "ipython", "node", "R", "julia", "irb", "lua"})  # fmt: skip # noqa: E501
_KERNEL = frozenset({"proc", "sys", "dev"})
_NOT_COVERED = _KERNEL | {"input", "output", "tmp"}
_MOUNTED = frozenset({"/input", "/output", "/tmp", "/dev/shm"})  # noqa: S108 - the sandbox's own mounts, by name


class Foreign(BaseModel):
    """What others wrote: unknown keys are passed over, known ones have exactly their types."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Healthcheck(Foreign):
    test: list[str] | None = Field(default=None, alias="Test")
    interval: int | None = Field(default=None, alias="Interval", ge=-_INT64, lt=_INT64)
    timeout: int | None = Field(default=None, alias="Timeout", ge=-_INT64, lt=_INT64)
    start_period: int | None = Field(default=None, alias="StartPeriod", ge=-_INT64, lt=_INT64)
    retries: int | None = Field(default=None, alias="Retries", ge=-_INT64, lt=_INT64)


class _Runtime(Foreign):
    hostname: str | None = Field(default=None, alias="Hostname")
    domainname: str | None = Field(default=None, alias="Domainname")
    user: str | None = Field(default=None, alias="User")
    attach_stdin: bool | None = Field(default=None, alias="AttachStdin")
    attach_stdout: bool | None = Field(default=None, alias="AttachStdout")
    attach_stderr: bool | None = Field(default=None, alias="AttachStderr")
    exposed_ports: dict[str, dict[str, Any]] | None = Field(default=None, alias="ExposedPorts")
    tty: bool | None = Field(default=None, alias="Tty")
    open_stdin: bool | None = Field(default=None, alias="OpenStdin")
    stdin_once: bool | None = Field(default=None, alias="StdinOnce")
    env: list[str] | None = Field(default=None, alias="Env")
    cmd: list[str] | None = Field(default=None, alias="Cmd")
    healthcheck: _Healthcheck | None = Field(default=None, alias="Healthcheck")
    args_escaped: bool | None = Field(default=None, alias="ArgsEscaped")
    image: str | None = Field(default=None, alias="Image")
    volumes: dict[str, dict[str, Any] | None] | None = Field(default=None, alias="Volumes")
    working_dir: str | None = Field(default=None, alias="WorkingDir")
    entrypoint: list[str] | None = Field(default=None, alias="Entrypoint")
    network_disabled: bool | None = Field(default=None, alias="NetworkDisabled")
    mac_address: str | None = Field(default=None, alias="MacAddress")
    on_build: list[str] | None = Field(default=None, alias="OnBuild")
    labels: dict[str, str] | None = Field(default=None, alias="Labels")
    stop_signal: str | None = Field(default=None, alias="StopSignal")
    stop_timeout: int | None = Field(default=None, alias="StopTimeout", ge=-_INT64, lt=_INT64)
    shell: list[str] | None = Field(default=None, alias="Shell")


class _RootFs(Foreign):
    type: str = "layers"
    diff_ids: list[str]


class _History(Foreign):
    created: str | None = None
    created_by: str | None = None
    author: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class Configuration(Foreign):
    """The image's configuration as the OCI image specification and Docker's `image` package name its keys."""

    id: str | None = None
    parent: str | None = None
    comment: str | None = None
    created: str | None = None
    container: str | None = None
    container_config: _Runtime | None = None
    docker_version: str | None = None
    author: str | None = None
    config: _Runtime
    architecture: str
    variant: str | None = None
    os: str
    size: int | None = Field(default=None, alias="Size", ge=-_INT64, lt=_INT64)
    rootfs: _RootFs
    history: list[_History | None] | None = None
    os_version: str | None = Field(default=None, alias="os.version")
    os_features: list[str] | None = Field(default=None, alias="os.features")


_OBJECTS: tuple[tuple[tuple[str, ...], type[Foreign]], ...] = (
    ((), Configuration),
    (("config",), _Runtime),
    (("config", "Healthcheck"), _Healthcheck),
    (("container_config",), _Runtime),
    (("container_config", "Healthcheck"), _Healthcheck),
    (("rootfs",), _RootFs),
)
"""The objects whose keys Go's reader matches without regard to case."""


def plain_json(content: bytes, what: str) -> Any:
    """Return a JSON document that every reader reads alike: UTF-8, no key twice, no NaN.

    Raises:
        ArchiveUnreadable: It is not one.
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = f"{what} is not JSON of which every reader makes the same"
        raise ArchiveUnreadable(reason=reason, next_step=REBUILD) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a key stands twice"
        raise ValueError(msg)
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def read_configuration(content: bytes, caps: ImageCaps) -> Configuration:
    """Read and check an image's configuration.

    Raises:
        MalformedSubmission: It cannot be read, is for another platform, has nothing to start, or an odd setting.
    """
    document = plain_json(content, "its configuration")
    for path, model in _OBJECTS:
        _check_spelling(document, path, model)
    history = document.get("history") if isinstance(document, dict) else None
    for entry in history if isinstance(history, list) else []:
        _check_spelling(entry, (), _History)
    try:
        config = Configuration.model_validate_json(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])[:80] or "its form"
        reason = f"its configuration is not as `docker save` writes it ({place!a})"
        raise ArchiveUnreadable(reason=reason, next_step=REBUILD) from error
    _check_platform(config)
    _check_command(config.config, caps)
    _check_sizes(config.config, caps)
    _check_folders(config.config, caps)
    _check_rest(config)
    return config


def _check_spelling(document: Any, path: tuple[str, ...], model: type[Foreign]) -> None:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    if not isinstance(document, dict):
        return
    names: list[str] = [info.alias or key for key, info in model.model_fields.items()]
    known = {name.casefold(): name for name in names}
    for key in document:
        canonical: str = known.get(key.casefold()) or key
        if key != canonical:
            place = ".".join((*path, canonical))
            reason = f"{place} is written otherwise there, {key[:40]!a}, which engines take for the same"
            raise ImageSettingRefused(setting="configuration", reason=reason, next_step=REBUILD)


def _check_platform(config: Configuration) -> None:
    if (config.os, config.architecture) != ("linux", "amd64"):
        platform = f"{config.os[:20]}/{config.architecture[:20]}"
        reason = f"it is for {_plain_text(platform)}, and cases run on linux/amd64"
        raise ImagePlatform(reason=reason, next_step="Build with `--platform linux/amd64`.")


def _check_command(run: _Runtime, caps: ImageCaps) -> None:
    words = [*(run.entrypoint or []), *(run.cmd or [])]
    if not words or not words[0]:
        reason = "it has neither ENTRYPOINT nor CMD, so there is nothing to start"
        raise NothingToStart(reason=reason, next_step=REBUILD)
    size = sum(len(word.encode()) for word in words)
    if size > caps.command_bytes:
        _odd("ENTRYPOINT and CMD", f"they have {size} bytes, more than {caps.command_bytes}")
    if any("\0" in word for word in words):
        _odd("ENTRYPOINT and CMD", "a word has a NUL")


def _check_sizes(run: _Runtime, caps: ImageCaps) -> None:
    environment = sum(len(entry.encode()) for entry in run.env or [])
    if environment > caps.environment_bytes:
        _odd("ENV", f"its environment has {environment} bytes, more than {caps.environment_bytes}")
    if any("\0" in entry or entry.find("=") < 1 for entry in run.env or []):
        _odd("ENV", "an entry is not NAME=VALUE, or has a NUL")
    labels = sum(len(key.encode()) + len(value.encode()) for key, value in (run.labels or {}).items())
    if labels > caps.label_bytes:
        _odd("LABEL", f"its labels have {labels} bytes, more than {caps.label_bytes}")


def _check_folders(run: _Runtime, caps: ImageCaps) -> None:
    folder = run.working_dir or "/"
    if not _is_plain_path(folder) or _under(folder, _KERNEL):
        reason = "its WORKDIR is not a plain absolute path outside of /proc, /sys and /dev"
        _odd("WORKDIR", f"{reason} ({_plain_text(folder[:80])})")
    volumes = run.volumes or {}
    if len(volumes) > caps.volumes:
        _odd("VOLUME", f"it declares {len(volumes)}, more than {caps.volumes}")
    for volume in volumes:
        if volume.rstrip("/") in _MOUNTED:
            continue
        if not _is_plain_path(volume) or not volume.strip("/") or _under(volume, _NOT_COVERED):
            reason = "is not a plain absolute path outside of the folders that the sandbox mounts"
            _odd("VOLUME", f"{_plain_text(volume[:80])} {reason}")


def _check_rest(config: Configuration) -> None:
    run = config.config
    if not _USER.fullmatch(run.user or ""):
        _odd("USER", f"{_plain_text((run.user or '')[:80])} is no name or number of a user and a group")
    if config.rootfs.type != "layers":
        _odd("configuration", "rootfs.type is not layers")
    moments = [config.created, *(entry.created for entry in config.history or [] if entry)]
    if any(moment is not None and not _TIME.fullmatch(moment) for moment in moments):
        _odd("configuration", "a time of making is none by RFC 3339")
    written = sum(1 for entry in config.history or [] if entry is not None and not entry.empty_layer)
    if written > len(config.rootfs.diff_ids):
        _odd("configuration", f"its history names {written} layers, it has {len(config.rootfs.diff_ids)}")


def warnings_about(config: Configuration) -> tuple[str, ...]:
    """Return what is accepted and yet seldom meant."""
    run = config.config
    words = [*(run.entrypoint or []), *(run.cmd or [])]
    found = []
    if len(words) == 1 and posixpath.basename(words[0]) in _INTERPRETERS:
        found.append(
            f"Its whole command is {_plain_text(words[0][:40])}, which waits for input and answers nothing: set "
            "ENTRYPOINT or CMD to your program."
        )
    if run.on_build:
        found.append("ONBUILD is passed over: it acts only when another image is built on this one.")
    if set(run.volumes or ()) - _MOUNTED:
        found.append("Each VOLUME is covered by an empty, read-only folder: what the image holds there is not seen.")
    return tuple(found)


def _is_plain_path(path: str) -> bool:
    plain = path.rstrip("/") or "/"
    return plain.startswith("/") and posixpath.normpath(plain) == plain and plain[:2] != "//" and plain.isprintable()


def _under(path: str, roots: frozenset[str]) -> bool:
    return path.split("/")[1] in roots


def _plain_text(text: str) -> str:
    return ascii(text)[1:-1]


def _odd(setting: str, reason: str) -> NoReturn:
    raise ImageSettingRefused(setting=setting, reason=reason, next_step=REBUILD)


def parsed(model: type[Foreign], content: bytes, what: str) -> Any:
    """Return a description in the archive, checked against its model.

    Raises:
        ArchiveUnreadable: It is not of that form.
    """
    plain_json(content, what)
    try:
        return cast("Any", model.model_validate_json(content))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])[:80] or "its form"
        reason = f"{what} is not as its kind of archive has it ({place!a})"
        raise ArchiveUnreadable(reason=reason, next_step="Save the image again.") from error
