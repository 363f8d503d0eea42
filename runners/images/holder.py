"""The image of the holder: a container that does nothing, and so keeps a volume in memory mounted.

Its one program is put together here, byte by byte, so that no compiler, package or base image is needed on a host: an
ELF file of 129 bytes whose nine bytes of code ask the kernel to sleep (`pause`, system call 34 on x86-64), for ever.
"""

from __future__ import annotations

import io
import struct
import tarfile
from weakref import WeakKeyDictionary

from runners.engine import Engine

HOLDER_TAG = "arena-holder:1"

_ADDRESS = 0x400000
_HEADERS = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
# mov eax, 34; syscall; jmp back to the beginning
_CODE = bytes.fromhex("b822000000 0f05 ebf7")
_DOCKERFILE = b'FROM scratch\nCOPY hold /hold\nCMD []\nENTRYPOINT ["/hold"]\n'
# By the engine of this process that it was built in, by id: a name can be moved.
_built: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()


def program() -> bytes:
    """Return the holder's program: a static executable for linux/amd64 with one segment, readable and executable."""
    file_header, segment_header = _HEADERS
    start = file_header.size + segment_header.size
    size = start + len(_CODE)
    # 64 bits, little-endian, version 1; an executable (2) for x86-64 (62); one program header, no sections.
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = file_header.pack(
        identity, 2, 62, 1, _ADDRESS + start, file_header.size, 0, 0, file_header.size, segment_header.size, 1, 0, 0, 0
    )
    return header + segment_header.pack(1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000) + _CODE


def build_holder(engine: Engine) -> str:
    """Build the holder's image unless this process has, and the engine still has it; return its id.

    An engine that has the steps in its cache builds in a moment as well, but Podman takes half a second for it.

    Raises:
        RunnerFault: The engine is not there, or the build failed.
    """
    known = _built.get(engine)
    if known is not None and engine.image(known) is not None:
        return known
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("Dockerfile", _DOCKERFILE), ("hold", program())):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    context.seek(0)
    _built[engine] = engine.build(context, tag=HOLDER_TAG, arguments={})
    return _built[engine]
