"""What `arena challenge check` finds in the stored studies of a challenge's case sets."""

from __future__ import annotations

from rich.console import Console
from rich.progress import track

from arena.blobs import BlobStore
from arena.challenge.bundle import Bundle
from arena.challenge.weakness import Severity, Weakness
from arena.settings import Settings
from arena.store.case_sets import cases_of_set
from arena.store.session import Store
from arena.store.tables import CaseSet
from arena.vault import audit

_SEVERITY = {
    audit.Severity.ERROR: Severity.BLOCKING,
    audit.Severity.WARNING: Severity.WEAK,
    audit.Severity.NOTE: Severity.NOTE,
}


def audited(store: Store, bundle: Bundle, case_sets: list[CaseSet], *, quiet: bool) -> list[Weakness]:
    """Read every stored study of these sets again, with progress on stderr unless `quiet`."""
    studies = BlobStore(Settings().studies_root)
    found = []
    for case_set in track(
        case_sets, "Reading stored studies", console=Console(stderr=True), transient=True, disable=quiet
    ):
        with store.read() as session:
            cases = cases_of_set(session, case_set.digest)
        declared = bundle.declaration
        for finding in audit.audit_case_set(
            case_set, cases, studies=studies, headers=declared.headers, layout=declared.layout
        ):
            examples = f" ({', '.join(finding.examples)})" if finding.examples else ""
            text = f"{finding.text}{examples}"
            found.append(Weakness(_SEVERITY[finding.severity], f"case_sets.{case_set.name}", text))
    return found
