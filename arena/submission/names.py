"""Names of vendors and algorithms, and the codes made of them that stand in permalinks."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from arena.errors import MalformedSubmission

_MIN, _MAX = 2, 40
_MARKS = " ._-"
_FORM = (
    f"{_MIN} to {_MAX} Latin or Cyrillic letters, digits, spaces, dots, hyphens or underscores, "
    "the first a letter or a digit"
)
_PAIRS = (
    "аa бb вv гg дd еe ёe жzh зz иi йy кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh щshch ъ ыy ь эe юyu яya "
    "іi їyi єye ґg ўu"
)
_CYRILLIC = {pair[0]: pair[1:] for pair in _PAIRS.split()}


def clean_name(kind: str, given: str) -> str:
    """Return a name in one form: NFKC, single spaces.

    Args:
        kind: What is named, for the message: "vendor" or "algorithm".
        given: The name as it was typed.

    Raises:
        MalformedSubmission: It has other characters or another length, or mixes alphabets within a word: a Cyrillic
            letter in a Latin name looks like another vendor's.
    """
    name = " ".join(unicodedata.normalize("NFKC", given).split())
    alphabets = [{_alphabet(letter) for letter in word if letter.isalpha()} for word in re.split(r"[\s._-]+", name)]
    allowed = all(_alphabet(letter) is not None or letter in _MARKS or letter in "0123456789" for letter in name)
    if not _MIN <= len(name) <= _MAX or not allowed or name[0] in _MARKS:
        raise MalformedSubmission(what=f"The {kind}'s name", reason="it is of another form", next_step=f"Use {_FORM}.")
    if any(len(found) > 1 for found in alphabets):
        reason = "it mixes Latin and Cyrillic letters in one word"
        raise MalformedSubmission(what=f"The {kind}'s name", reason=reason, next_step="Type it in one alphabet.")
    return name


def code_of(name: str) -> str:
    """Return the code of a clean name: lower-case Latin letters, digits and single hyphens.

    Cyrillic letters are transliterated and accents dropped. A name of which too little is left gets a digest.

    Example:
        >>> code_of("Рентген Лаб 2")
        'rentgen-lab-2'
    """
    latin = "".join(_CYRILLIC.get(letter, letter) for letter in name.lower())
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return slug if len(slug) >= _MIN else f"n-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def _alphabet(letter: str) -> str | None:
    if not letter.isalpha():
        return None
    word = unicodedata.name(letter, "").split(" ")[0]
    return word if word in {"LATIN", "CYRILLIC"} else None
