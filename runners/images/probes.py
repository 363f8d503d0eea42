"""Small programs that behave well, badly or oddly: what the conformance checks put into containers.

Each is one Python file that needs nothing but an interpreter in the base image. They share `probe.py`, which speaks the
protocol without the starter kit's care, since most of them are about to break it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from runners.engine import Engine
from runners.images.build import build_from_files
from runners.images.file_probes import FILE_PROBES, FILES

_SHARED = r"""
import json, os, sys, time

def say(text):
    data = text.encode()
    while data:
        data = data[os.write(1, data):]

def ready():
    say('{"ready": true}\n')

def requests():
    for line in sys.stdin:
        yield json.loads(line)

def answer(case, **facts):
    say(json.dumps({"case": case, "facts": facts}) + "\n")

def serve(special, number="c0002"):
    ready()
    for request in requests():
        if request["case"] == number:
            special(request)
        else:
            answer(request["case"])
"""

_DOCKERFILE = b"""ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY . /probes/
RUN chmod 755 /probes/*
CMD []
"""

_WORLD = r"""
import socket, stat, subprocess
from probe import *

def refused(action):
    try:
        action()
    except OSError:
        return True
    return False

def status(key):
    with open("/proc/self/status") as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key + ":")), None)

def connect(address):
    with socket.create_connection(address, timeout=2):
        pass

def write(path):
    with open(path, "w") as file:
        file.write("x")

def run_from_tmp():
    with open("/tmp/run", "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod("/tmp/run", 0o755)
    subprocess.run(["/tmp/run"], check=True)

def times(folder):
    found = []
    for root, folders, files in os.walk(folder):
        found += [os.stat(os.path.join(root, name)).st_mtime for name in folders + files] + [os.stat(root).st_mtime]
    return found

at_start = os.listdir("/input")
ready()
for request in requests():
    folder = request["path"]
    files = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names]
    answer(
        request["case"],
        input_at_start=at_start,
        input_now=os.listdir("/input"),
        files=sorted(os.path.relpath(name, folder) for name in files),
        modes=sorted({stat.S_IMODE(os.stat(name).st_mode) for name in files}),
        times=sorted(set(times(folder))),
        identity_is_fresh=os.getuid() == os.getgid() >= 300000 and set(os.getgroups()) <= {os.getgid()},
        capabilities=status("CapEff"),
        bounding=status("CapBnd"),
        no_new_privileges=status("NoNewPrivs"),
        seccomp=status("Seccomp"),
        interfaces=[line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
        no_network=refused(lambda: connect(("192.0.2.1", 80))) and refused(lambda: connect(("172.17.0.1", 2375))),
        root_read_only=all(refused(lambda: write(path)) for path in ("/x", "/etc/x", "/run/x", "/var/tmp/x")),
        input_read_only=refused(lambda: write("/input/x")) and refused(lambda: os.unlink(files[0])),
        volume_read_only=refused(lambda: write("/data/x")),
        tmp_writable=not refused(lambda: write("/tmp/x")),
        tmp_not_executable=refused(run_from_tmp),
        home=os.environ.get("HOME"),
        contract=os.environ.get("ARENA_CONTRACT"),
        proxies=sorted(name for name in os.environ if name.lower().endswith("_proxy")),
        sys_is_masked=os.listdir("/sys") == [],
    )
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """A program and how its image is made: `dockerfile` lines stand before the entry point."""

    source: str
    entrypoint: tuple[str, ...] = ()
    dockerfile: tuple[str, ...] = field(default=())


PROBES: Mapping[str, Probe] = {
    "world": Probe(
        _WORLD,
        dockerfile=(
            "ENV HTTP_PROXY=http://192.0.2.1:1 no_proxy=x HOME=/root",
            "RUN mkdir -m 777 /data",
            "VOLUME /data",
        ),
    ),
    "exit_3": Probe("from probe import *\nserve(lambda request: os._exit(3))\n"),
    "exit_0": Probe("from probe import *\nserve(lambda request: os._exit(0))\n"),
    "segfault": Probe(
        "from probe import *\nimport signal\nserve(lambda request: os.kill(os.getpid(), signal.SIGSEGV))\n"
    ),
    "half_a_line": Probe(
        "from probe import *\ndef half(request):\n    say('{\"case\": ')\n    os._exit(1)\nserve(half)\n"
    ),
    "late": Probe("from probe import *\ndef late(request):\n    time.sleep(60)\nserve(late)\n"),
    "memory": Probe(
        "from probe import *\ndef eat(request):\n    held = []\n    while True:\n"
        "        held.append(b'x' * (8 << 20))\nserve(eat)\n"
    ),
    "long_line": Probe("from probe import *\nserve(lambda request: say('x' * (5 << 20)))\n"),
    "bytes_behind": Probe(
        'from probe import *\nserve(lambda request: say(\'{"case": "c0002"}\\n{"case": "c0003"}\\n\'))\n'
    ),
    "garbage": Probe("from probe import *\nserve(lambda request: os.write(1, b'\\xff\\x00 no JSON\\n'))\n"),
    "other_case": Probe("from probe import *\nserve(lambda request: answer('c0003'))\n"),
    "before_asked": Probe(
        "from probe import *\nsay('{\"ready\": true}\\n' + json.dumps({'case': 'c0001'}) + '\\n')\ntime.sleep(60)\n"
    ),
    "never_ready": Probe("import time\ntime.sleep(60)\n"),
    "wrong_greeting": Probe('from probe import *\nsay(\'{"ready": "yes"}\\n\')\ntime.sleep(60)\n'),
    "dies_at_start": Probe("raise SystemExit(7)\n"),
    "flood_at_start": Probe("from probe import *\nwhile True:\n    say('x' * (1 << 16))\n"),
    "stderr_flood": Probe(
        "from probe import *\ndef log(request):\n    for _ in range(320):\n        os.write(2, b'e' * (1 << 16))\n"
        "    answer(request['case'])\nserve(log)\n"
    ),
    "closes_stdout": Probe(
        "from probe import *\ndef close(request):\n    os.close(1)\n    time.sleep(60)\nserve(close)\n"
    ),
    "ignores_requests": Probe("from probe import *\nready()\ntime.sleep(60)\n"),
    "ignores_the_end": Probe("from probe import *\nserve(None, number='none')\ntime.sleep(60)\n"),
    "slow": Probe(
        "from probe import *\nready()\nfor request in requests():\n    time.sleep(0.4)\n    answer(request['case'])\n"
    ),
    "no_such_program": Probe("", entrypoint=("/nowhere",)),
    "no_program_at_all": Probe("", entrypoint=()),
    "not_a_program": Probe("these bytes are no program\n", entrypoint=("/probes/not_a_program.py",)),
}


def build_probe(engine: Engine, name: str, base: str) -> str:
    """Build the image of a probe on a base that has `python3`; return its id.

    Raises:
        RunnerFault: The engine is not there, or the base is not.
    """
    probe = PROBES[name] if name in PROBES else Probe(FILE_PROBES[name])
    entrypoint = list(probe.entrypoint or ("python3", "-E", "-S", f"/probes/{name}.py"))
    if name == "no_program_at_all":
        entrypoint = []
    lines = ["ARG BASE_IMAGE", "FROM ${BASE_IMAGE}", *probe.dockerfile, f"ENTRYPOINT {json.dumps(entrypoint)}"]
    return build_from_files(
        engine, {"Dockerfile": "\n".join(lines).encode() + b"\n"}, f"arena-probe:{name}", _programs(engine, base)
    )


def _programs(engine: Engine, base: str) -> str:
    """Return the name of an image with the programs of all probes, built where the engine does not have it.

    A probe's own image then only names its program: with Podman a step that copies files takes a second or two.
    """
    files = {f"{each}.py": other.source.encode() for each, other in PROBES.items()}
    files |= {f"{each}.py": source.encode() for each, source in {**FILE_PROBES, "files": FILES}.items()}
    files |= {"probe.py": _SHARED.encode(), "Dockerfile": _DOCKERFILE}
    found = engine.image(base)
    key = [found.image_id if found else base, *sorted(files.items())]
    name = f"arena-probe:programs-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
    if engine.image(name) is None:
        build_from_files(engine, files, name, base)
    return name
