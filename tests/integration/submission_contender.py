"""One of two processes that submit for one vendor: `submission_contender.py URL IMAGES ARCHIVE TRIES NAME`.

It prints `ready`, waits for a line on stdin, submits that often and prints how many were accepted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from arena.blobs import BlobStore
from arena.errors import QuotaExceeded
from arena.store.session import Store
from arena.submission.intake import submit_algorithm
from tests.bundles import DURING


def main() -> None:
    url, images, archive, tries, name = sys.argv[1:]
    store = Store(url)
    accepted = 0
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for _ in range(int(tries)):
        try:
            submit_algorithm(
                store,
                BlobStore(images),
                vendor="Acme",
                algorithm=name,
                challenge="chest",
                phase="public",
                archive=Path(archive),
                now=DURING,
            )
        except QuotaExceeded:
            continue
        accepted += 1
    print(accepted)  # noqa: T201
    store.close()


if __name__ == "__main__":
    main()
