"""Every setting of Arena: frozen models read once from ARENA_… in the environment.

The public server gets `ReaderSettings` only: with them it can reach neither studies nor references.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ReaderSettings(BaseSettings):
    """What a process needs that only shows results: the database and the public documents."""

    model_config = SettingsConfigDict(env_prefix="ARENA_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".arena"), description="Folder for all state; one absolute path on all hosts.")
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL; by default SQLite in ARENA_HOME/arena.db. PostgreSQL: postgresql+psycopg://…",
    )
    public_documents: Path | None = Field(
        default=None, description="Blob root of published leaderboards; by default ARENA_HOME/public."
    )
    server_address: str = Field(default="127.0.0.1", description="Address that the board listens on.")
    server_port: int = Field(
        default=8501, ge=0, le=65535, description="Port that the board listens on; 0 picks a free one."
    )

    @field_validator("home", "public_documents")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'arena.db'}"

    @property
    def public_root(self) -> Path:
        """Blob root of published leaderboard documents."""
        return self.public_documents or self.home / "public"


class Settings(ReaderSettings):
    """What the worker and the organiser's commands need besides."""

    vault_studies: Path | None = Field(
        default=None, description="Blob root of hidden studies; by default ARENA_HOME/vault/studies."
    )
    vault_references: Path | None = Field(
        default=None, description="Blob root of references, mode 0700; by default ARENA_HOME/vault/references."
    )
    slots: int | None = Field(
        default=None, ge=1, description="Containers run at once; by default as many as the cores allow."
    )
    slot_cpus: int = Field(
        default=1, ge=1, description="Cores that a container is pinned to; at least a challenge's `cpus`."
    )
    runtime: str = Field(default="runc", description="OCI runtime for isolation `standard`: runc, crun, runsc, …")
    gvisor_runtime: str = Field(default="runsc", description="OCI runtime for isolation `gvisor`.")
    base_image: str = Field(
        default="arena-base:1", description="Image with Python, which the runner's self-test runs its canaries in."
    )
    cgroup_parent: str | None = Field(
        default=None, description="Parent cgroup of all containers; a slice under systemd."
    )
    cgroup_memory_mib: int | None = Field(
        default=None, ge=64, description="Memory of all containers together; needs ARENA_CGROUP_PARENT."
    )
    cgroup_pids: int | None = Field(
        default=None, ge=64, description="Processes of all containers together; needs ARENA_CGROUP_PARENT."
    )
    lease_seconds: float = Field(
        default=60.0, gt=0, description="An attempt whose lease is not renewed this long is lost."
    )
    image_mib: int = Field(
        default=20_480, ge=1, description="Largest image that is accepted, in MiB of its uncompressed layers."
    )
    image_files: int = Field(default=300_000, ge=1, description="Files and folders that an image may have.")
    archives_mib: int = Field(
        default=102_400, ge=1, description="Disk for all stored image archives, in MiB; beyond it none is accepted."
    )
    free_mib: int = Field(
        default=2_048, ge=0, description="Disk that must stay free when an image has been stored, in MiB."
    )
    archive_days: float = Field(
        default=30.0, ge=0, description="An archive that nobody needs is removed so long after its last use."
    )
    engine_image_hours: float = Field(
        default=72.0, ge=0, description="An image that was not run for so long is removed from the engine."
    )
    engine_images_mib: int = Field(
        default=51_200,
        ge=0,
        description="Size of submitted images in the engine, in MiB; the least recently run go first.",
    )
    host_retries: int = Field(default=3, ge=0, description="How often a shard is tried again after a host's fault.")

    @field_validator("vault_studies", "vault_references")
    @classmethod
    def _absolute_vault(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def studies_root(self) -> Path:
        """Blob root of hidden studies."""
        return self.vault_studies or self.home / "vault" / "studies"

    @property
    def references_root(self) -> Path:
        """Blob root of references; only the scoring child and `arena cases` open it."""
        return self.vault_references or self.home / "vault" / "references"

    @property
    def images_root(self) -> Path:
        """Blob root of submitted image archives."""
        return self.home / "images"

    @property
    def results_root(self) -> Path:
        """Blob root of attempts' outputs, receipts, evaluation records and scorecards."""
        return self.home / "results"

    @property
    def runs_root(self) -> Path:
        """Folder where attempts stage cases; its paths must be the same for the engine."""
        return self.home / "runs"
