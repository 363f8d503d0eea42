"""What can go wrong on the host's side of a run, and the two signals that are no fault of the host.

    RunnerFault                   the host's fault: the attempt is void, tried again, never charged to a vendor
    ├── EngineUnavailable         the container engine does not answer (in time)
    ├── EngineRefused             the engine answered, and refused what every container needs
    ├── SandboxRefused            the engine would not run the container as the policy says
    ├── HostOutOfMemory           a container was killed for memory that others used
    ├── NoRoomForImage            the engine has no room for one more image now, or never has for this one
    ├── ImageUnavailable          the archive is missing, or what was loaded is another image
    └── StudyUnavailable          a study is missing or damaged, or the container would not see it
    ContainerCannotStart          the image's own fault: data, never an error outside this package
    AttemptCancelled              somebody called `Runner.cancel`

Messages are for operators. They never contain a container's output.
"""

from __future__ import annotations


class RunnerFault(Exception):  # noqa: N818 - "fault" is this project's word for an error that is ours
    """The host failed; the attempt says nothing about the algorithm."""


class EngineUnavailable(RunnerFault):
    """The container engine does not answer, or not in time."""


class EngineRefused(RunnerFault):
    """The container engine refused a request that is right for every container.

    Attributes:
        status: The HTTP status of its answer, or None where it gave none.
        explanation: The engine's own words.
    """

    def __init__(self, action: str, status: int | None, explanation: str) -> None:
        """Say what was asked and what the engine answered."""
        with_status = "" if status is None else f" ({status})"
        super().__init__(f"The container engine refused to {action}{with_status}: {explanation}")
        self.status = status
        self.explanation = explanation


class SandboxRefused(RunnerFault):
    """A setting of the sandbox is not in force; nothing was started."""


class HostOutOfMemory(RunnerFault):
    """The kernel killed a container for memory although it had not come to its own limit."""

    def __init__(self) -> None:
        """Say what an operator can do."""
        super().__init__(
            "A container was killed for memory although it had not reached its own limit: all containers together, or "
            "this machine, had too little. Run with fewer slots, or raise ARENA_CGROUP_MEMORY_MIB"
        )


class NoRoomForImage(RunnerFault):
    """An image is not loaded, because it would take more of the disk than images may have.

    Attributes:
        may_pass: Whether there may be room when other attempts have ended.
    """

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        """Keep the reason: a sentence with value, limit and next step."""
        super().__init__(reason)
        self.may_pass = may_pass


class ImageUnavailable(RunnerFault):
    """The image cannot be had by its id."""


class StudyUnavailable(RunnerFault):
    """A study cannot be given to the container as it lies in the vault."""


class ContainerCannotStart(Exception):  # noqa: N818 - an algorithm's failure is data, not an error
    """The image names a program, folder or volume with which no container can start."""


class AttemptCancelled(Exception):  # noqa: N818 - asked for, so no error
    """The attempt was told to stop."""
