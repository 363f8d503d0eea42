"""Small programs for the modes that leave files, and for files beside answers: well-behaved, bad and hostile ones.

They share `files.py`, and build on nothing but an interpreter in the base image, as those of `probes` do.
"""

from __future__ import annotations

from collections.abc import Mapping

FILES = r"""
import json, os, shutil, socket, stat, subprocess, sys, time

LINES = "/output/predictions.jsonl"
FILE = "/output/prediction.json"

def cases():
    return sorted(os.listdir("/input"))

def line(case, **facts):
    with open(LINES, "a") as file:
        file.write(json.dumps({"case": case, "facts": facts}) + "\n")

def leave(case, **facts):
    with open(FILE, "w") as file:
        json.dump({"case": case, "facts": facts}, file, indent=1)

def each(special, number="c0002"):
    for case in cases():
        special(case) if case == number else line(case)

def alone(special, number="c0002"):
    for case in cases():
        special(case) if case == number else leave(case)

def fill(folder):
    made = 0
    try:
        while True:
            with open(folder + "/fill%d" % made, "wb") as file:
                made += 1
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
    except OSError:
        return made

def fill_inodes(folder):
    made = 0
    try:
        while made < 100000:
            os.mkdir(folder + "/n%d" % made)
            made += 1
    except OSError:
        return made

def eat(case):
    held = []
    while True:
        held.append(b"x" * (8 << 20))

def refused(action):
    try:
        action()
    except OSError:
        return True
    return False

def runs(path):
    shutil.copy(sys.executable, path)
    os.chmod(path, 0o755)
    try:
        return subprocess.run([path, "-E", "-S", "-c", ""], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False
    finally:
        os.unlink(path)

def facts():
    about, space = os.stat("/output"), os.statvfs("/output")
    return dict(
        input_now=cases(),
        tmp=os.listdir("/tmp"),
        output=[name for name in os.listdir("/output") if name != "predictions.jsonl"],
        owner=about.st_uid == about.st_gid == os.getuid() == os.getgid(),
        mode=stat.S_IMODE(about.st_mode),
        mib=space.f_blocks * space.f_frsize >> 20,
        inodes=space.f_files,
        not_executable=not runs("/output/run"),
        no_link_to_input=refused(lambda: os.link("/input/%s/s1/i0001.dcm" % cases()[0], "/output/hard")),
        no_device=refused(lambda: os.mknod("/output/zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))),
        no_chown=refused(lambda: os.chown("/output", 0, 0)),
        stdin=sys.stdin.read(),
    )
"""

_ALL = "from files import *\n"
_SERVE = "from probe import *\nfrom files import *\n"
_BESIDE = _SERVE + "def beside(request):\n    os.mkdir('/output/' + request['case'])\n"

FILE_PROBES: Mapping[str, str] = {
    # batch
    "batch_world": _ALL + "known = facts()\nfor case in reversed(cases()):\n    line(case, **known)\n",
    "batch_exit_3": _ALL + "each(lambda case: os._exit(3))\n",
    "batch_exit_0": _ALL + "each(lambda case: None)\n",
    "batch_memory": _ALL + "each(eat)\n",
    "batch_late": _ALL + "each(lambda case: time.sleep(60))\n",
    "batch_full": _ALL + "each(lambda case: (fill('/output'), os._exit(0)))\n",
    "batch_twice": _ALL + "each(lambda case: (line(case), line(case)))\n",
    "batch_cut": _ALL + "each(lambda case: (open(LINES, 'a').write('{\"case\": \"c0002\", '), os._exit(1)))\n",
    "batch_stranger": _ALL + "each(lambda case: line('c9999'))\n",
    "batch_long_line": _ALL + "each(lambda case: line(case, x='x' * (100 << 10)))\n",
    "batch_nothing": _ALL + "os._exit(3)\n",
    "batch_symlink": _ALL + "os.symlink('/etc/passwd', LINES)\n",
    "batch_fifo": _ALL + "os.mkfifo(LINES)\n",
    "batch_folder": _ALL + "os.mkdir(LINES)\nfill_inodes(LINES)\n",
    "batch_flood": _ALL + "while True:\n    os.write(1, b'x' * 65536)\n",
    "batch_closes_stdout": _ALL + "os.close(1)\ntime.sleep(1)\nfor case in cases():\n    line(case)\n",
    # case
    "case_world": _ALL + "known = facts()\nopen('/tmp/seen', 'w').close()\nleave(cases()[0], **known)\n",
    "case_exit_3": _ALL + "alone(lambda case: (leave(case), os._exit(3)))\n",
    "case_exit_0": _ALL + "alone(lambda case: None)\n",
    "case_memory": _ALL + "alone(eat)\n",
    "case_late": _ALL + "alone(lambda case: (leave(case), time.sleep(60)))\n",
    "case_full": _ALL + "alone(lambda case: fill('/output'))\n",
    "case_inodes": _ALL + "alone(lambda case: fill_inodes('/output'))\n",
    "case_long": _ALL + "alone(lambda case: leave(case, x='x' * (100 << 10)))\n",
    "case_sparse": _ALL + "def sparse(case):\n    with open(FILE, 'wb') as file:\n        try:\n"
    "            file.truncate(1 << 40)\n        except OSError:\n            file.truncate(1 << 20)\nalone(sparse)\n",
    "case_symlink": _ALL + "alone(lambda case: os.symlink('/input/c0002/s1/i0001.dcm', FILE))\n",
    "case_loop": _ALL + "alone(lambda case: os.symlink(FILE, FILE))\n",
    "case_fifo": _ALL + "alone(lambda case: os.mkfifo(FILE))\n",
    "case_socket": _ALL + "alone(lambda case: socket.socket(socket.AF_UNIX).bind(FILE))\n",
    "case_folder": _ALL + "alone(lambda case: os.mkdir(FILE, 0))\n",
    "case_names": _ALL + "def odd(case):\n"
    "    for name in (b'a\\nb', b'$(id)', b'<img onerror=x>', b'\\x1b[31m', b'\\xff'):\n"
    "        open(b'/output/' + name, 'w').close()\n    leave(case)\nalone(odd)\n",
    "case_deep": _ALL + "def deep(case):\n    leave(case)\n    os.chdir('/output')\n    try:\n        while True:\n"
    "            os.mkdir('d')\n            os.chdir('d')\n    except OSError:\n        pass\nalone(deep)\n",
    "case_crashes": _ALL + "os._exit(3)\n",
    # files beside answers
    "no_output": _SERVE + "ready()\nfor request in requests():\n"
    "    answer(request['case'], output=os.path.exists('/output'))\n",
    "beside": _BESIDE + "    open('/output/%s/report.dcm' % request['case'], 'w').write(request['case'])\n"
    "    answer(request['case'])\nready()\nfor request in requests():\n    beside(request)\n",
    "beside_symlink": _BESIDE + "    os.symlink('/etc/passwd', '/output/%s/report.dcm' % request['case'])\n"
    "    answer(request['case'])\nserve(beside)\n",
    "beside_folder": _SERVE + "def beside(request):\n    os.symlink('/etc', '/output/c0002')\n"
    "    answer(request['case'])\nserve(beside)\n",
    "beside_large": _BESIDE + "    open('/output/%s/report.dcm' % request['case'], 'wb').write(b'x' * (80 << 10))\n"
    "    answer(request['case'])\nserve(beside)\n",
    "beside_full": _SERVE + "def beside(request):\n    fill('/output')\n    answer(request['case'])\n"
    "ready()\nfor request in requests():\n"
    "    if request['case'] != 'c0001':\n        beside(request)\n        continue\n"
    "    os.mkdir('/output/c0001')\n    open('/output/c0001/report.dcm', 'w').close()\n    answer('c0001')\n",
}  # fmt: skip
"""The name of a probe says its mode; `beside…` and `no_output` are run in mode `serve`."""
