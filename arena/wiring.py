"""The one place that turns settings into store, vault, runner and engine."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import runners.execute
from arena.blobs import BlobStore
from arena.errors import MalformedSubmission, RunnerRefused, RunnerUnavailable
from arena.evaluation.child import ScoringChild
from arena.evaluation.dispatch import Dispatcher, Patience
from arena.evaluation.settle import Settler
from arena.leaderboard import Publisher
from arena.settings import Settings
from arena.store.session import Store
from arena.submission.caps import MIB
from arena.submission.retention import (
    KeptFile,
    Rules,
    ShelfImage,
    remove_archives,
    survey_archives,
    survey_engine,
    survey_for_room,
)
from runners.behaviours import BEHAVIOURS
from runners.conformance import Surroundings, check_all
from runners.engine import Engine
from runners.faults import EngineRefused, EngineUnavailable, NoRoomForImage, RunnerFault
from runners.images.build import build_image
from runners.local import LocalRunner
from runners.parent import Together
from runners.protocol import Observe, Runner, unobserved
from runners.selftest import Gate, try_runtime
from runners.shelf import KeptImage, Shelf
from runners.shelving import Shelving
from runners.values import Isolation


def utc_now() -> datetime:
    """Return the aware UTC time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Host:
    """A host's store and blob roots; nothing is opened before its first use."""

    settings: Settings
    store: Store
    studies: BlobStore
    references: BlobStore
    images: BlobStore
    results: BlobStore
    public: BlobStore


def open_host(settings: Settings) -> Host:
    """Wire the store and the blob roots of these settings."""
    return Host(
        settings=settings,
        store=Store(settings.database),
        studies=BlobStore(settings.studies_root),
        references=BlobStore(settings.references_root, mode=0o700),
        images=BlobStore(settings.images_root),
        results=BlobStore(settings.results_root, mode=0o700),
        public=BlobStore(settings.public_root),
    )


def runner_id(settings: Settings) -> str:
    """Return this state's runner id, made at its first use; containers are labelled with it."""
    path = settings.home / "runner-id"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
        part.replace(path)
    return path.read_text(encoding="ascii").strip()


def runner_host(settings: Settings) -> runners.execute.Host:
    """Return where this machine's containers run; no work is taken before a self-test has held."""
    untried = runners.execute.Host(
        engine=Engine(),
        runs_root=settings.runs_root,
        runner_id=runner_id(settings),
        runtime=settings.runtime,
        gvisor_runtime=settings.gvisor_runtime,
        cgroup_parent=settings.cgroup_parent,
        together=Together(settings.cgroup_memory_mib, settings.cgroup_pids),
    )
    gate = Gate(untried, settings.base_image, first_cpus(settings), settings.home / "self-tests.json")
    return replace(untried, admit=gate.check)


def first_cpus(settings: Settings) -> tuple[int, ...]:
    """Return the CPUs of the first slot."""
    return tuple(sorted(os.sched_getaffinity(0))[: settings.slot_cpus])


def local_runner(host: Host, *, doorbell: Callable[[], None], observe: Observe = unobserved) -> LocalRunner:
    """Return the runner that works beside this machine's engine."""
    settings = host.settings
    return LocalRunner(
        replace(runner_host(settings), shelving=Shelving(partial(make_room, host))),
        studies=host.studies,
        images=host.images,
        results=host.results,
        slots=settings.slots,
        cpus_per_slot=settings.slot_cpus,
        doorbell=lambda _attempt: doorbell(),
        observe=observe,
    )


def require_engine() -> None:
    """Make sure that a container engine answers.

    Raises:
        RunnerUnavailable: None does.
    """
    try:
        Engine().ping()
    except RunnerFault as error:
        raise _unavailable(error) from error


def require_runner(settings: Settings) -> None:
    """Make sure that a container engine answers, and that its runtime holds what it runs.

    Raises:
        RunnerUnavailable: No engine answers.
        RunnerRefused: The engine or its runtime does not hold containers as they have to be held.
    """
    host = runner_host(settings)
    try:
        host.admit(Isolation.STANDARD)
    except EngineUnavailable as error:
        raise _unavailable(error) from error
    except RunnerFault as error:
        raise RunnerRefused(reason=str(error).removesuffix(".")) from error


@dataclass(frozen=True, slots=True)
class Machinery:
    """What a worker drives."""

    runner: Runner
    dispatcher: Dispatcher
    settler: Settler
    publisher: Publisher
    child: ScoringChild


def machinery(
    host: Host,
    runner: Runner,
    *,
    doorbell: Callable[[], None],
    clock: Callable[[], datetime] = utc_now,
    observe: Observe = unobserved,
) -> Machinery:
    """Wire dispatcher, settler and publisher around one runner."""
    child = ScoringChild()
    patience = Patience(host.settings.lease_seconds, host.settings.host_retries)
    return Machinery(
        runner=runner,
        dispatcher=Dispatcher(host.store, host.results, runner, clock=clock, patience=patience, observe=observe),
        settler=Settler(
            host.store, host.results, host.references, child, clock=clock, doorbell=doorbell, observe=observe
        ),
        publisher=Publisher(host.store, host.results, host.references, host.public, child),
        child=child,
    )


def _unavailable(fault: RunnerFault) -> RunnerUnavailable:
    # A fault of the engine is a sentence of its own, and may begin as ours does.
    return RunnerUnavailable(reason=str(fault).removeprefix("The container engine does not answer: "))


@dataclass(frozen=True, slots=True)
class ImageSurvey:
    """The archives and the engine's images; `images` is None where the engine does not answer."""

    archives: list[KeptFile]
    images: list[ShelfImage] | None


@dataclass(frozen=True, slots=True)
class Swept:
    """What has been removed."""

    archives: list[KeptFile]
    images: list[ShelfImage]


def image_rules(settings: Settings) -> Rules:
    """Return these settings' rules of what is kept."""
    return Rules(
        archive_age=timedelta(days=settings.archive_days),
        image_age=timedelta(hours=settings.engine_image_hours),
        images_bytes=settings.engine_images_mib * MIB,
    )


def survey_images(host: Host, now: datetime) -> ImageSurvey:
    """Return what is kept of submitted images, why, and what may go."""
    rules, shelf = image_rules(host.settings), Shelf()
    try:
        kept = shelf.kept()
    except RunnerFault:
        kept = None
    finally:
        shelf.close()
    with host.store.read() as session:
        archives = survey_archives(session, host.images, rules, now)
        return ImageSurvey(archives, None if kept is None else survey_engine(session, kept, rules, now))


def sweep_images(host: Host, now: datetime) -> Swept:
    """Remove the archives and the engine's images that the rules do not keep.

    Raises:
        RunnerUnavailable: The engine does not answer; archives have been removed nevertheless.
    """
    rules, shelf = image_rules(host.settings), Shelf()
    archives = remove_archives(host.store, host.images, rules, now)
    try:
        kept = shelf.kept()
        with host.store.read() as session:
            gone = [image for image in survey_engine(session, kept, rules, now) if image.kept is None]
        by_name = {image.name: image for image in kept}
        taken = [image for image in gone if shelf.take_down(by_name[image.name])]
    except RunnerFault as error:
        raise _unavailable(error) from error
    finally:
        shelf.close()
    return Swept(archives, taken)


def make_room(host: Host, size_bytes: int, in_use: frozenset[str]) -> None:
    """Take down what has to go from the engine before an image of that size is loaded.

    Raises:
        RunnerFault: The engine does not answer, or there is no room (`NoRoomForImage`).
    """
    rules, shelf, now = image_rules(host.settings), Shelf(), utc_now()
    try:
        kept = shelf.kept()
        with host.store.read() as session:
            survey = survey_engine(session, kept, rules, now)
        by_name = {image.name: image for image in kept}
        gone = survey_for_room(survey, rules, size_bytes, in_use)
        taken = {image.name for image in gone if shelf.take_down(by_name[image.name])}
        _require_budget([image for image in kept if image.name not in taken], size_bytes, rules.images_bytes)
        shelf.require_free(size_bytes, host.settings.free_mib * MIB)
    finally:
        shelf.close()


def _require_budget(kept: Sequence[KeptImage], size_bytes: int, budget_bytes: int) -> None:
    used = sum(image.size_bytes for image in kept)
    if used + size_bytes <= budget_bytes:
        return
    may_pass = size_bytes <= budget_bytes
    step = "it is loaded when other evaluations have ended" if may_pass else "raise it"
    msg = (
        f"Submitted images take {used // MIB} MiB in the engine and this one has {size_bytes // MIB} MiB; the limit "
        f"for all is {budget_bytes // MIB} MiB (ARENA_ENGINE_IMAGES_MIB): {step}"
    )
    raise NoRoomForImage(msg, may_pass=may_pass)


def export_image(reference: str, to: Path) -> None:
    """Write a local image's archive, as `docker save` does.

    Raises:
        MalformedSubmission: The engine has no such image.
        RunnerUnavailable: No engine answers.
    """
    try:
        Engine().export(reference, to)
    except EngineRefused as error:
        raise MalformedSubmission(
            what=f'Image "{reference}"',
            reason=error.explanation,
            next_step="Build it first, or name an archive with --archive.",
        ) from error
    except RunnerFault as error:
        raise _unavailable(error) from error


def build_algorithm(folder: Path, tag: str, *, base: str, added: Sequence[Path] = ()) -> str:
    """Build an algorithm's image from its folder and further files, such as weights, and return the image's id.

    Raises:
        RunnerUnavailable: No engine answers, or the build failed.
    """
    with tempfile.TemporaryDirectory(prefix="arena-build-") as scratch:
        context = Path(scratch) / folder.name
        shutil.copytree(folder, context, ignore=shutil.ignore_patterns("__pycache__"))
        for path in added:
            shutil.copyfile(path, context / path.name)
        try:
            return build_image(Engine(), context, tag, base)
        except RunnerFault as error:
            raise _unavailable(error) from error


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was tried of a runner: what it promises, whether that held, and what was seen."""

    runtime: str
    name: str
    claim: str
    held: bool
    saw: str


Tell = Callable[[str, int, int | None], None]
"""Told what a check is at: in words, how many of its checks are done, and of how many; None where it is not known."""


def check_runner(settings: Settings, runtime: str | None, *, full: bool, tell: Tell) -> list[Checked]:
    """Try what holds containers in on this machine: canaries, and with `full` every behaviour of `runners.conformance`.

    Args:
        settings: Whose engine, runtimes and cgroup parent are tried.
        runtime: Only this runtime; by default that of standard isolation, and gVisor's where the engine has it.
        full: Whether to run the conformance checks as well.
        tell: Told how far it is.

    Raises:
        RunnerUnavailable: No container engine answers.
    """
    host = replace(runner_host(settings), runner_id=f"{runner_id(settings)}-check")
    try:
        known = host.engine.describe()["Runtimes"]
        names = [runtime] if runtime else [settings.runtime, *({settings.gvisor_runtime} & set(known))]
        hosts = [replace(host, runtime=name) for name in dict.fromkeys(names)]
        return [line for each in hosts for line in _check(each, settings, tell, full=full)]
    except EngineUnavailable as error:
        raise _unavailable(error) from error


def _check(host: runners.execute.Host, settings: Settings, tell: Tell, *, full: bool) -> list[Checked]:
    tell(f"{host.runtime}: canaries", 0, None)
    try:
        verdict = try_runtime(host, Isolation.STANDARD, settings.base_image, first_cpus(settings))
    except EngineUnavailable:
        raise
    except RunnerFault as error:
        return [Checked(host.runtime, "runtime", "The engine and its runtime can hold containers.", False, str(error))]
    lines = [Checked(host.runtime, each.name, each.claim, each.held, each.saw) for each in verdict.findings]
    if not full:
        return lines
    if not verdict.holds:
        return [*lines, _behaviours_open(host, "not run, as a canary was not held")]
    return [*lines, *_conformance(host, settings, tell)]


def _behaviours_open(host: runners.execute.Host, why: str) -> Checked:
    return Checked(host.runtime, "behaviours", "Whatever a container does, it ends as it has to.", False, why)


def _conformance(host: runners.execute.Host, settings: Settings, tell: Tell) -> list[Checked]:
    with tempfile.TemporaryDirectory(prefix="check-", dir=settings.home) as folder:
        store = BlobStore(Path(folder) / "blobs")
        runner = LocalRunner(
            replace(host, admit=lambda _isolation: None), studies=store, images=store, results=store,
            slots=settings.slots, cpus_per_slot=settings.slot_cpus,
        )  # fmt: skip
        around = Surroundings(
            runner, host.engine, settings.base_image, store.put, lambda ref: store.get(ref.sha256), store.get_named
        )
        what, count = f"{host.runtime}: behaviours", len(BEHAVIOURS)
        tell(what, 0, count)
        try:
            found = check_all(around, BEHAVIOURS, lambda done: tell(what, done, count))
        except (TimeoutError, LookupError) as error:  # the engine went away meanwhile
            return [_behaviours_open(host, f"stopped: {error}")]
        finally:
            runner.close()
    said = {probe: "; ".join(complaints) or "as claimed" for probe, complaints in found.items()}
    return [
        Checked(host.runtime, each.probe, each.claim, not found[each.probe], said[each.probe]) for each in BEHAVIOURS
    ]
