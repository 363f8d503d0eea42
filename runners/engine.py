"""Docker or Podman through the Docker API: the only module that speaks to a container engine.

Whatever the engine or its client library raises leaves this module as a `runners.faults` exception. Every call has a
timeout; each thread has its own client. `DOCKER_HOST` and its companions are respected as the docker command does.
"""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from runners.archived import kept_name, refuse_names
from runners.asking import asking
from runners.faults import ContainerCannotStart, EngineRefused, EngineUnavailable, ImageUnavailable, SandboxRefused
from runners.podman import specification
from runners.policy import ATTEMPT_LABEL, RUNNER_LABEL, seccomp_of
from runners.volumes import Made, Volumes

# How engines say what came of an archive; the longer one first.
_LOADED = ("Loaded image ID:", "Loaded image:")
_NAMELESS = "<none>:<none>"
_NOT_FOUND = 404
_CONFLICT = 409
# How the engines word that the image's own program or folder cannot be run; everything else at start is the host's.
_IMAGES_FAULT = ("exec:", "exec format error", "executable file not found", "chdir to cwd", "working directory")
_NO_PROGRAM = ("no command specified", "no command or entrypoint provided")
_UNREADABLE = (
    "What Podman made of the sandbox cannot be read back ({}): with Podman the worker has to run on Podman's host, "
    "outside of any container, as the account that Podman runs as."
)
# Podman's answer, with status 500, where Docker's is a conflict.
_NOT_RUNNING = "container state improper"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a run needs to know of an image: its id, the VOLUME paths that it declares, and its WORKDIR."""

    image_id: str
    volumes: tuple[str, ...]
    workdir: str = ""


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """How a container stands: its exit code (None while it runs), and whether the kernel ran out of its memory."""

    exit_code: int | None
    out_of_memory: bool


class Engine(Volumes):
    """One container engine beside this process."""

    def __init__(self, *, base_url: str | None = None, timeout_seconds: int = 60) -> None:
        """Name the engine as `Connection` does; nothing is asked of it yet."""
        super().__init__(base_url=base_url, timeout_seconds=timeout_seconds)
        self._loading = threading.Lock()

    def image(self, image_id: str) -> ImageFacts | None:
        """Return an image's facts, or None where the engine does not have it."""
        try:
            with asking("inspect an image"):
                found = self._api.inspect_image(image_id)
        except EngineRefused as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise
        config = found.get("Config") or {}
        return ImageFacts(str(found["Id"]), tuple(config.get("Volumes") or ()), str(config.get("WorkingDir") or ""))

    def ensure_image(self, image_id: str, archive: Path | None) -> ImageFacts:
        """Return the image's facts; load its archive only where the engine does not have the id.

        An archive that names its images is not loaded: loading moves names in silence, so that one vendor's archive
        would replace another image. The only name that comes of it is ours.

        Raises:
            ImageUnavailable: There is no archive, it names images, or it does not contain that image.
            EngineRefused: The engine cannot load it; `runners.loading` tells whose fault that is.
        """
        with self._loading:
            if (facts := self.image(image_id)) is not None:
                return facts
            if archive is None:
                msg = f"The engine does not have image {image_id}, and there is no archive of it."
                raise ImageUnavailable(msg)
            refuse_names(archive)
            before = self._images().keys()
            brought: set[str] = set()
            try:
                self._load(archive, brought)
                facts = self.image(image_id)
                if facts is not None:
                    with asking("name an image"):
                        self._api.tag(image_id, *kept_name(image_id).split(":"))
            finally:
                if facts is None:
                    self._drop_images(brought - before)
        if facts is None:
            msg = f"The archive does not contain image {image_id}."
            raise ImageUnavailable(msg)
        return facts

    def create(self, request: Mapping[str, Any]) -> str:
        """Create a container and return its id.

        Raises:
            ContainerCannotStart: The image has no program, or a working directory that cannot be.
        """
        try:
            with asking("create a container"):
                if self.is_podman():
                    return self._create_by_podman(request)
                return str(self._api.create_container_from_config(dict(request), None)["Id"])
        except EngineRefused as refused:
            if any(words in refused.explanation.lower() for words in _NO_PROGRAM):
                raise ContainerCannotStart(refused.explanation) from refused
            raise

    def set_up(self, container: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Let Podman set a created container up without starting it: its inspection, and the runtime's bundle.

        Raises:
            ContainerCannotStart: Its program or working directory cannot be run.
            SandboxRefused: The bundle cannot be read here.
        """
        with _starting(), asking("set a container up"):
            self._podmans("POST", f"/containers/{container}/init")
        with asking("inspect a container"):
            inspected = self._podmans("GET", f"/containers/{container}/json")
        path = Path(inspected["OCIConfigPath"])
        try:
            return inspected, json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise SandboxRefused(_UNREADABLE.format(error)) from error

    def inspect(self, container: str) -> dict[str, Any]:
        """Return all that the engine says of a container."""
        with asking("inspect a container"):
            return cast("dict[str, Any]", self._api.inspect_container(container))

    def end_of(self, container: str) -> ContainerEnd:
        """Say whether a container still runs, and how it ended."""
        state = self.inspect(container)["State"]
        running = bool(state.get("Running"))
        return ContainerEnd(None if running else int(state.get("ExitCode", 0)), bool(state.get("OOMKilled")))

    def attach(self, container: str, *, stderr: bool = False) -> socket.socket:
        """Return a socket joined to a created container's stdin and stdout; attach before start and nothing is lost."""
        with asking("attach to a container"):
            streams = {"stdin": 1, "stdout": 1, "stderr": int(stderr), "stream": 1}
            wrapped = self._api.attach_socket(container, params=streams)
        joined = getattr(wrapped, "_sock", wrapped)
        if not isinstance(joined, socket.socket) or isinstance(joined, ssl.SSLSocket):
            msg = "The engine's address gives no plain socket; use a unix:// or tcp:// address."
            raise EngineUnavailable(msg)
        # A descriptor of our own: the client's is closed with its response, now rather than whenever it is collected.
        own = joined.dup()
        wrapped._response.close()  # noqa: SLF001 - where the client keeps the response for exactly this purpose
        return own

    def start(self, container: str) -> None:
        """Start a created container.

        Raises:
            ContainerCannotStart: Its program or working directory cannot be run.
        """
        with _starting(), asking("start a container"):
            self._api.start(container)

    def wait(self, container: str) -> int:
        """Block until a started container has exited; return its exit code.

        Raises:
            EngineUnavailable: The engine went away before it could tell.
        """
        with asking("wait for a container"):
            return int(self._api.wait(container, timeout=None)["StatusCode"])

    def kill(self, container: str) -> None:
        """Kill a container; one that does not run, or is gone, is well."""
        try:
            with asking("kill a container"):
                self._api.kill(container, signal="SIGKILL")
        except EngineRefused as refused:
            if refused.status not in {_NOT_FOUND, _CONFLICT} and _NOT_RUNNING not in refused.explanation:
                raise

    def remove(self, container: str) -> None:
        """Remove a container and its anonymous volumes; one that is gone is well."""
        try:
            with asking("remove a container"):
                self._api.remove_container(container, v=True, force=True)
        except EngineRefused as refused:
            if refused.status not in {_NOT_FOUND, _CONFLICT}:
                raise

    def read_tar(self, container: str, path: str) -> Iterator[bytes]:
        """Yield a path of a container, created or running, as a tar archive.

        Raises:
            EngineRefused: There is no such path (status 404).
        """
        with asking("read a path of a container"):
            stream, _ = self._api.get_archive(container, path, chunk_size=1 << 20)
            yield from stream

    def containers_of(self, runner_id: str) -> dict[str, dict[str, str]]:
        """Return the containers with a runner's label, running or not: id → labels."""
        found = self._containers_with(f"{RUNNER_LABEL}={runner_id}")
        return {str(each["Id"]): dict(each.get("Labels") or {}) for each in found}

    def containers_made_for(self, attempt_id: str) -> dict[str, Made]:
        """Return the containers with an attempt's label, of whatever runner, by their ids."""
        found = self._containers_with(f"{ATTEMPT_LABEL}={attempt_id}")
        return {str(each["Id"]): Made(float(each["Created"]), dict(each.get("Labels") or {})) for each in found}

    def build(self, context: Any, *, tag: str, arguments: Mapping[str, str]) -> str:
        """Build an image without network from a tar stream; return its id.

        Raises:
            EngineRefused: The build failed; the engine's last line says why.
        """
        last = ""
        with self._slow_api() as api, asking("build an image"):
            lines = api.build(
                fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, network_mode="none",
                buildargs=dict(arguments), decode=True,
            )  # fmt: skip
            for line in lines:
                if "error" in line:
                    action = f"build {tag}"
                    raise EngineRefused(action, None, f"{line['error'].strip()} (after: {last})")
                last = str(line.get("stream") or "").strip() or last
        if (facts := self.image(tag)) is None:
            action = f"build {tag}"
            raise EngineRefused(action, None, f"no image came of it (after: {last})")
        return facts.image_id

    def export(self, image: str, target: Path) -> None:
        """Write an image's archive, as `docker save` does, to a file."""
        with self._slow_api() as api, asking("export an image"), target.open("wb") as file:
            for chunk in api.get_image(image, chunk_size=1 << 20):
                file.write(chunk)

    def remove_image(self, image: str) -> None:
        """Remove an image or a tag; one that is gone is well."""
        try:
            with asking("remove an image"):
                self._api.remove_image(image, noprune=False)
        except EngineRefused as refused:
            if refused.status != _NOT_FOUND:
                raise

    def _containers_with(self, label: str) -> list[dict[str, Any]]:
        with asking("list containers"):
            return list(self._api.containers(all=True, filters={"label": label}))

    def _create_by_podman(self, request: Mapping[str, Any]) -> str:
        # Podman reads the profile now, from a path of its host, which this process has to share anyway.
        with tempfile.NamedTemporaryFile("w", prefix="arena-seccomp-", suffix=".json") as profile:
            profile.write(seccomp_of(request))
            profile.flush()
            body = specification(request, profile.name)
            return str(self._podmans("POST", "/containers/create", body)["Id"])

    def _load(self, archive: Path, brought: set[str]) -> None:
        """Load an archive; `brought` gets the ids, or names, that the engine says came of it, also where it fails."""
        with self._slow_api() as api, asking("load an image"), archive.open("rb") as stream:
            for line in api.load_image(stream, quiet=True):
                if "error" in line:
                    action = "load an image"
                    raise EngineRefused(action, None, str(line["error"]))
                said = str(line.get("stream") or "").strip()
                for words in _LOADED:
                    if said.startswith(words):
                        brought |= {name.strip() for name in said.removeprefix(words).split(",")}

    def _images(self) -> dict[str, list[str]]:
        """Return all images by their ids, with the names that each has."""
        with asking("list images"):
            found = self._api.images()
        return {str(each["Id"]): [tag for tag in each.get("RepoTags") or () if tag != _NAMELESS] for each in found}

    def _drop_images(self, ids: set[str]) -> None:
        """Remove images that an archive brought instead of the one that it should have brought, unless they are named.

        An image with a name is somebody else's, who has loaded or named it in the meantime.
        """
        for image_id in ids & {image_id for image_id, names in self._images().items() if not names}:
            self.remove_image(image_id)


@contextmanager
def _starting() -> Iterator[None]:
    """Tell the image's own fault from the host's in what the engine says when it cannot start a container."""
    try:
        yield
    except EngineRefused as refused:
        if any(words in refused.explanation for words in _IMAGES_FAULT):
            raise ContainerCannotStart(refused.explanation) from refused
        raise
