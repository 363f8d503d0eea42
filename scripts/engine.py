"""Asks the container engine about itself and its images, for the shell scripts.

    python scripts/engine.py answers               exit 0 and the engine's name and version, or exit 1 and the reason
    python scripts/engine.py runtimes              the runtimes that it knows, one a line
    python scripts/engine.py recipe IMAGE          the recipe that IMAGE was made by; exit 1 if there is no such image
    python scripts/engine.py id IMAGE              its digest; exit 1 if there is no such image
    python scripts/engine.py pull IMAGE            fetches IMAGE from the registry that its name tells
    python scripts/engine.py import TAR IMAGE RECIPE
    python scripts/engine.py build DOCKERFILE NAME BASE    builds in the Dockerfile's folder, on BASE, without network
    python scripts/engine.py check IMAGE           runs Python in it, without network, and imports NumPy and pydicom

Speaks the Docker API, so that Docker and Podman do, and no client program is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import docker
import docker.errors
import docker.types
import requests.exceptions

RECIPE_LABEL = "arena.recipe"
ANSWER_SECONDS = 10
CHECK = "import json, sys, numpy, pydicom; print(sys.version.split()[0], numpy.__version__, pydicom.__version__)"
IMAGE_CONFIG = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    "ENV PYTHONDONTWRITEBYTECODE=1",
    'CMD ["python3"]',
)


def answers(client: docker.DockerClient) -> str:
    """Name the engine and its version."""
    version = client.version()
    names = {part["Name"] for part in version.get("Components") or ()}
    name = "Podman" if any("Podman" in part for part in names) else "Docker"
    return f"{name} {version['Version']}"


def runtimes(client: docker.DockerClient) -> str:
    """Name the engine's runtimes, one a line."""
    return "\n".join(sorted(client.info().get("Runtimes") or ()))


def recipe(client: docker.DockerClient, image: str) -> str:
    """Tell by which recipe the image was made: empty when it was not made by this project."""
    labels: dict[str, str] = client.images.get(image).labels
    return labels.get(RECIPE_LABEL, "")


def import_archive(client: docker.DockerClient, archive: Path, image: str, made_by: str) -> str:
    """Make an image out of a root file system.

    Args:
        client: The engine.
        archive: An uncompressed tar of the root file system.
        image: `name:tag` of the image.
        made_by: Kept in a label, by which a later run sees whether the image is up to date.

    Returns:
        The image's digest.
    """
    changes = [*IMAGE_CONFIG, f"LABEL {RECIPE_LABEL}={made_by}"]
    # The tag goes with the name: Podman passes over one that is given beside it.
    client.api.import_image_from_file(str(archive), repository=image, changes=changes)
    return str(client.images.get(image).id)


def check(client: docker.DockerClient, image: str) -> str:
    """Run the image's Python as a stranger without network, and tell the three versions that it has."""
    # Podman's own default limits cannot be set where root may not raise limits.
    few = [docker.types.Ulimit(name=name, soft=1024, hard=1024) for name in ("nofile", "nproc")]
    said: bytes = client.containers.run(
        image,
        ["python3", "-c", CHECK],
        remove=True,
        network_mode="none",
        read_only=True,
        user="65534:65534",
        ulimits=few,
    )
    python, numpy, pydicom = said.decode().split()
    return f"Python {python}, NumPy {numpy}, pydicom {pydicom}"


def build(client: docker.DockerClient, dockerfile: Path, name: str, base: str) -> str:
    """Build an image on a base that is here, without network, and tell its digest.

    Args:
        client: The engine.
        dockerfile: The file to build by; the folder that it lies in is the context.
        name: `name:tag` of the image.
        base: Given to the Dockerfile as BASE_IMAGE.

    Returns:
        The image's digest.

    Raises:
        BuildError: A step failed; what it printed goes to stderr first.
    """
    try:
        image, _ = client.images.build(
            path=str(dockerfile.parent),
            dockerfile=dockerfile.name,
            tag=name,
            buildargs={"BASE_IMAGE": base},
            network_mode="none",
            rm=True,
            forcerm=True,
        )
    except docker.errors.BuildError as failure:
        sys.stderr.writelines(line.get("stream", "") for line in failure.build_log)
        raise
    return str(image.id)


def pull(client: docker.DockerClient, image: str) -> str:
    """Fetch the image by its name and tell its digest."""
    client.images.pull(image)
    return str(client.images.get(image).id)


def main() -> int:
    """Do what the command line says; the answer on stdout, a failure's reason on stderr."""
    parser = argparse.ArgumentParser(description="Ask the container engine.")
    parser.add_argument("question", choices=["answers", "runtimes", "recipe", "id", "pull", "import", "build", "check"])
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    questions: dict[str, Callable[..., str]] = {
        "answers": answers,
        "runtimes": runtimes,
        "recipe": recipe,
        "id": lambda client, image: str(client.images.get(image).id),
        "pull": pull,
        "import": lambda client, archive, image, made_by: import_archive(client, Path(archive), image, made_by),
        "build": lambda client, dockerfile, name, base: build(client, Path(dockerfile), name, base),
        "check": check,
    }
    try:
        timeout = ANSWER_SECONDS if given.question == "answers" else 600
        client = docker.from_env(timeout=timeout, version="auto")
        sys.stdout.write(questions[given.question](client, *given.arguments) + "\n")
    except (docker.errors.DockerException, requests.exceptions.RequestException) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
