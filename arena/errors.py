"""Every error that Arena raises on purpose, by whose fault it is.

    ArenaError
    ├── ParticipantError          the vendor's to mend: shown to the vendor, HTTP 4xx, exit code 3
    │   ├── PhaseClosed · QuotaExceeded · NominationRefused · LogSealed
    │   └── NameTaken · MalformedSubmission
    │       ├── ArchiveUnreadable · ArchiveUnsupported · ArchiveAltered
    │       ├── ImageTooLarge · ImagePlatform · NothingToStart
    │       └── ImageSettingRefused · ImageFileRefused · ImageMountRefused
    ├── OrganiserError            the organiser's to mend: pauses a phase, never the host, HTTP 409, exit code 4
    │   ├── InvalidBundle · InvalidStudy · ReferenceMismatch · RulingRefused
    │   ├── UnknownChallenge · UnknownCaseSet · CaseSetExposed · ScoringRefused
    │   └── ScorerDiffers · NotReproduced · UnknownMetric · MetricFailed
    ├── NotFound                  nothing has this code, HTTP 404, exit code 5
    └── HostError                 ours: retried, never charged to a vendor, HTTP 503, exit code 6
        └── RunnerUnavailable · RunnerRefused · StoreUnavailable · BlobCorrupt · ReferencesUnavailable
            DispatcherRunning · IllegalTransition · StorageFull

An algorithm's failure is not here: it is data, a `runners.values.Outcome`.

Constructors take facts as keyword arguments; the class's docstring is the template of the message, so what
is documented and what a user reads cannot drift apart. A message says what happened, the value, the limit
and the next step. It is safe to show to whoever caused it: never a label, a patient or a container's output.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ClassVar


class ArenaError(Exception):
    """Something in Arena went wrong."""

    code: ClassVar[str] = "arena_error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: object) -> None:
        """Build the message from the class's docstring and the facts."""
        self.facts = facts
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**facts))

    def __reduce__(self) -> tuple[Callable[..., ArenaError], tuple[type[ArenaError], dict[str, object]]]:
        """Travel between processes with the facts; by default an exception is made anew from its message alone."""
        return _rebuilt, (type(self), self.facts)


def _rebuilt(kind: type[ArenaError], facts: dict[str, object]) -> ArenaError:
    return kind(**facts)


class ParticipantError(ArenaError):
    """The submission was not accepted: {reason}."""

    code = "participant_error"
    http_status = 400
    exit_code = 3


class PhaseClosed(ParticipantError):
    """Phase "{phase}" of "{challenge}" {state}; it accepts submissions from {opens_at} to {closes_at}. Now: {now}."""

    code = "phase_closed"
    http_status = 403


class QuotaExceeded(ParticipantError):
    """Phase "{phase}" of "{challenge}" accepts {limit} submissions per {period}, {used} used; the next: {next_at}."""

    code = "quota_exceeded"
    http_status = 429


class MalformedSubmission(ParticipantError):
    """{what} cannot be accepted: {reason}. {next_step}"""

    code = "malformed_submission"
    http_status = 422


class ArchiveUnreadable(MalformedSubmission):
    """The image archive cannot be read: {reason}. {next_step}"""

    code = "archive_unreadable"


class ArchiveUnsupported(MalformedSubmission):
    """An image archive of this kind is not taken: {reason}. {next_step}"""

    code = "archive_unsupported"


class ArchiveAltered(MalformedSubmission):
    """The image archive is not what its own digests say: {reason}. {next_step}"""

    code = "archive_altered"


class ImageTooLarge(MalformedSubmission):
    """The image is too large: {reason}. {next_step}"""

    code = "image_too_large"
    http_status = 413


class ImagePlatform(MalformedSubmission):
    """The image is for another platform: {reason}. {next_step}"""

    code = "image_platform"


class NothingToStart(MalformedSubmission):
    """The image cannot be started: {reason}. {next_step}"""

    code = "nothing_to_start"


class ImageSettingRefused(MalformedSubmission):
    """The image's {setting} cannot be accepted: {reason}. {next_step}"""

    code = "image_setting_refused"


class ImageFileRefused(MalformedSubmission):
    """Layer {layer} of the image cannot be accepted: {reason}. {next_step}"""

    code = "image_file_refused"


class ImageMountRefused(MalformedSubmission):
    """The image's {path} cannot be accepted: it is {kind}, and the sandbox mounts {what} there. {next_step}"""

    code = "image_mount_refused"


class NominationRefused(ParticipantError):
    """The nomination was not accepted: {reason}."""

    code = "nomination_refused"
    http_status = 409


class LogSealed(ParticipantError):
    """No log of {submission} is kept: its cases are hidden. `arena submission {submission}` says how they ended."""

    code = "log_sealed"
    http_status = 403


class NameTaken(ParticipantError):
    """The {kind} "{name}" reads like "{owner}", which is taken. Write it just so if it is yours, or choose another."""

    code = "name_taken"
    http_status = 409


class OrganiserError(ArenaError):
    """The challenge cannot go on: {reason}."""

    code = "organiser_error"
    http_status = 409
    exit_code = 4


class RulingRefused(OrganiserError):
    """Submission {submission} cannot be {wanted}: {reason}. {next_step}"""

    code = "ruling_refused"


class InvalidBundle(OrganiserError):
    """{file}: {key}: {reason} (value: {value}). Allowed: {allowed}."""

    code = "invalid_bundle"


class InvalidStudy(OrganiserError):
    """{file} cannot be imported: {reason}. {next_step}"""

    code = "invalid_study"


class ReferenceMismatch(OrganiserError):
    """{file}: {reason}: {examples}. Nothing was imported; mend the table and import again."""

    code = "reference_mismatch"


class UnknownChallenge(OrganiserError):
    """No challenge "{slug}" is open here. Known: {known}. Open one with `arena challenge open FOLDER`."""

    code = "unknown_challenge"
    http_status = 404


class UnknownCaseSet(OrganiserError):
    """Challenge "{slug}" has no studies of case set "{name}" here. Known: {known}. Next: `arena cases import`."""

    code = "unknown_case_set"
    http_status = 404


class CaseSetExposed(OrganiserError):
    """Case set "{name}" of "{slug}" was exposed when phase "{phase}" closed; a new phase needs another set."""

    code = "case_set_exposed"


class ScoringRefused(OrganiserError):
    """Evaluation {evaluation} cannot be scored: {reason}."""

    code = "scoring_refused"


class ScorerDiffers(OrganiserError):
    """{what} was computed by scorer {theirs}, here is scorer {ours}. Install what wrote it, or `arena rejudge`."""

    code = "scorer_differs"


class NotReproduced(OrganiserError):
    """{what} was not reproduced: at {place} it holds {stored}, computed again that is {recomputed}."""

    code = "not_reproduced"


class UnknownMetric(OrganiserError):
    """No metric "{name}" of version {version} is installed. Installed: {known}. Install its package beside Arena."""

    code = "unknown_metric"


class MetricFailed(OrganiserError):
    """Metric "{name}" gave no value: {reason} ({detail})."""

    code = "metric_failed"


class NotFound(ArenaError):
    """There is no {kind} "{code_given}"."""

    code = "not_found"
    http_status = 404
    exit_code = 5


class HostError(ArenaError):
    """This host failed: {reason}. Nothing is charged to a vendor; the work is tried again."""

    code = "host_error"
    http_status = 503
    exit_code = 6


class RunnerUnavailable(HostError):
    """The container engine does not answer: {reason}. Start Docker or Podman, or set DOCKER_HOST."""

    code = "runner_unavailable"


class RunnerRefused(HostError):
    """No work is taken: {reason}. See `arena runner check`."""

    code = "runner_refused"


class StoreUnavailable(HostError):
    """The database {url} cannot be used: {reason}. {next_step}"""

    code = "store_unavailable"


class BlobCorrupt(HostError):
    """Blob {digest} under {root} is missing or damaged: {reason}."""

    code = "blob_corrupt"


class ReferencesUnavailable(HostError):
    """The references of a case set are missing or damaged; restore the vault's references from a copy."""

    code = "references_unavailable"


class DispatcherRunning(HostError):
    """Another worker already dispatches for this state: {owner}. Stop it first, or use its results."""

    code = "dispatcher_running"


class StorageFull(HostError):
    """This host has no room for the image: {reason}. Nothing was stored or charged; the organiser has to make room."""

    code = "storage_full"
    http_status = 507


class IllegalTransition(HostError):
    """{kind} {code_given} was expected in state {expected} and is not; another worker may have changed it."""

    code = "illegal_transition"
