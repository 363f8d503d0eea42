"""Who and what is in each case set, kept so that one patient or image never stands in two sets of a challenge.

A register lies beside the references, one for each set: keyed digests of patients and of images. The key lies there
too and nowhere else, so the database and whoever reads it learn nothing of a patient identifier.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from arena.blobs import BlobStore
from arena.errors import BlobCorrupt

KEY_NAME = "register.key"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Register:
    """Keyed digests of the patients and images of one case set."""

    patients: frozenset[str]
    images: frozenset[str]


def register_name(case_set_digest: str) -> str:
    """Return the name of a set's register under the references' root."""
    return f"registers/{case_set_digest}.json"


def load_key(references: BlobStore) -> bytes:
    """Return the key of this vault, made at its first use.

    Raises:
        BlobCorrupt: The key is there with another length.
    """
    if references.get_named(KEY_NAME) is None:
        references.put_named(KEY_NAME, secrets.token_bytes(_KEY_BYTES))
    key = references.get_named(KEY_NAME) or b""
    if len(key) != _KEY_BYTES:
        raise BlobCorrupt(digest=KEY_NAME, root=references.root, reason="the vault's key is damaged; restore it")
    return key


def keyed(key: bytes, kind: str, value: str) -> str:
    """Return the keyed digest of a patient identifier (`patient`) or of an image's digest (`image`)."""
    text = unicodedata.normalize("NFC", value).strip()
    return hmac.new(key, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()


def make_register(key: bytes, patients: Iterable[str], images: Iterable[str]) -> Register:
    """Return the register of a set."""
    return Register(
        patients=frozenset(keyed(key, "patient", patient) for patient in patients),
        images=frozenset(keyed(key, "image", image) for image in images),
    )


def encode_register(register: Register) -> bytes:
    """Return a register as canonical JSON."""
    document = {"images": sorted(register.images), "patients": sorted(register.patients)}
    return json.dumps(document, separators=(",", ":")).encode()


def read_register(references: BlobStore, case_set_digest: str) -> Register:
    """Return the register of an imported set.

    Raises:
        BlobCorrupt: It is missing or damaged, so nobody can say whether sets overlap.
    """
    name = register_name(case_set_digest)
    content = references.get_named(name)
    if content is None:
        raise BlobCorrupt(digest=name, root=references.root, reason="the register of the case set is missing")
    try:
        document = json.loads(content)
        return Register(frozenset(document["patients"]), frozenset(document["images"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BlobCorrupt(digest=name, root=references.root, reason="the register is damaged") from error
