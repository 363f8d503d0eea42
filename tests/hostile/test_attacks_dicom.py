"""Attacks 63 to 66: DICOM files that eat memory, recurse, lie about themselves or tell who the patient is.

What the naive reader does is seen in a process of its own, whose memory the system measures.
"""

from __future__ import annotations

import io
import struct
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian
from sqlmodel import select

from arena.errors import InvalidStudy
from arena.store.session import Store
from arena.store.tables import Case
from arena.vault.dicom import read_image
from tests.hostile.apart import read_apart, reader
from tests.hostile.corpus import Witness, witness
from tests.radiographs import SECRETS, Desk, encode, fill, radiograph

__all__ = ["witness"]

WHOLE = encode(radiograph())
INFLATED_MIB = 100

NAIVE = reader("from pydicom import dcmread", "dcmread(BytesIO(content), stop_before_pixels=True)", "RecursionError")
GUARDED = reader(
    "from arena.errors import InvalidStudy\nfrom arena.vault.dicom import read_image",
    'read_image(content, "a.dcm")',
    "InvalidStudy",
)


def test_attack_63_a_deflated_file_that_expands(witness: Witness) -> None:
    bomb = encode(radiograph(PixelData=bytes(INFLATED_MIB << 20)), DeflatedExplicitVRLittleEndian)
    assert len(bomb) < INFLATED_MIB << 11, "less than a five-hundredth of what it expands to"
    said, grown = read_apart(NAIVE, bomb)
    assert (said, grown >= INFLATED_MIB) == ("read", True)
    witness.without_guard("the reader inflates all of it, even when it is told to stop before the pixels")
    said, grown = read_apart(GUARDED, bomb)
    assert (said, grown < 20) == ("refused", True)
    witness.with_guard("refused by its transfer syntax before anything is inflated")


def test_attack_64_thousands_of_nested_sequences(witness: Witness) -> None:
    item = struct.pack("<HH2sHI", 0x0040, 0x0555, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    start = WHOLE.index(struct.pack("<HH2s", 0x0008, 0x0008, b"CS"))
    deep = WHOLE[:start] + item * 5000
    with pytest.raises(RecursionError):
        dcmread(io.BytesIO(deep))
    witness.without_guard("RecursionError out of the reader")
    with pytest.raises(InvalidStudy, match="nested too deeply"):
        read_image(deep, "a.dcm")
    witness.with_guard("refused, and the file named")


def test_attack_65_sizes_and_lengths_that_lie(witness: Witness) -> None:
    huge = encode(radiograph(Rows=65535, Columns=65535, NumberOfFrames=1000))
    assert dcmread(io.BytesIO(huge)).Rows == 65535
    start = WHOLE.rindex(struct.pack("<HH2sH", 0x7FE0, 0x10, b"OW", 0))
    cut = WHOLE[: start + 8] + struct.pack("<I", 0xFFFFFFF0) + WHOLE[start + 12 : -10]
    assert len(dcmread(io.BytesIO(cut)).PixelData) == 950
    witness.without_guard("the file is read as if it were whole: 4 GB of declared pixels, 950 bytes that are there")
    for content in (huge, cut):
        said, grown = read_apart(GUARDED, content)
        assert (said, grown < 20) == ("refused", True)
    witness.with_guard("refused: the declared size is compared with the bytes before anything is allocated")


def test_attack_66_identity_and_traces_of_the_label(tmp_path: Path, sqlite_store: Store, witness: Witness) -> None:
    desk = Desk(tmp_path, sqlite_store)
    fill(desk)
    secrets = [value.encode() for value in (*SECRETS.values(), "private secret", "preamble secret")]
    originals = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    assert [value for value in secrets if value not in originals] == []
    witness.without_guard("headers, private tags and preambles name patient, clinic and description")
    case_set = desk.load()
    with desk.store.read() as session:
        cases = session.exec(select(Case).where(Case.case_set_digest == case_set.digest).order_by(Case.name)).all()
    assert [case.name for case in cases] == [f"c{number:04d}" for number in range(1, len(cases) + 1)]
    assert [case.study_sha256 for case in cases] == sorted(case.study_sha256 for case in cases), "no order of the table"
    for case in cases:
        archive = desk.studies.get(case.study_sha256)
        assert [value for value in secrets if value in archive] == []
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            assert {datetime.fromtimestamp(each.mtime, UTC).year for each in members} == {1970}
    with pytest.raises(InvalidStudy, match="burned into the pixels"):
        read_image(encode(radiograph(BurnedInAnnotation="YES")), "a.dcm")
    witness.with_guard(
        "headers are kept by a published list only; names, order and times carry nothing; declared text in pixels is refused"
    )
    witness.open("text in the pixels that no header declares is not looked for; the organiser looks at the pictures")
