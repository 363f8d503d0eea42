"""Which room imports which, and that importing does nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Lists what a first import of all of our modules brings in from elsewhere.
LIST_FOREIGN = r"""
import importlib, json, sys
for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
print(json.dumps([name for name in sys.modules if name.split(".")[0] not in {"arena", "runners", "__main__"}]))
"""

# Imports first what is foreign, whose habits are not ours to change, and then each of our modules under an audit hook that
# sees what an import does to the world: a connection, a process, a file written, a thread. Reading the environment raises
# no audit event, so os.environ is made to tell of it.
WATCH = r"""
import importlib, json, os, sys, threading

ours, foreign = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for name in foreign:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # a name that a library puts into sys.modules itself
seen, current = {}, None

def note(what):
    if current:
        seen.setdefault(current, []).append(what)

EFFECTS = {"socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.remove", "os.rename", "os.fork",
           "os.putenv", "sqlite3.connect", "os.system", "shutil.rmtree", "time.sleep"}

def watch(event, arguments):
    if event in EFFECTS:
        note(f"{event} {arguments!r}"[:200])
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        note(f"open {arguments[0]!r} for writing")

# A library may look for its own variables when a class of ours is made; ours may look for none, and nobody for ARENA_….
class Environment(type(os.environ)):
    def __getitem__(self, key):
        frame = sys._getframe(1)
        while frame.f_globals["__name__"] in {"os", "collections.abc", "_collections_abc"}:
            frame = frame.f_back
        if key.startswith("ARENA_") or frame.f_globals["__name__"] == current:
            note(f"environment {key}")
        return super().__getitem__(key)

os.environ.__class__ = Environment
sys.addaudithook(watch)
for module in ours:
    current, threads = module, threading.active_count()
    importlib.import_module(module)
    if threading.active_count() > threads:
        note("started a thread")
current = None
print(json.dumps(seen))
"""


def our_modules() -> list[str]:
    """Name every module of ours by the file tree alone."""
    names = set()
    for package in ("arena", "runners"):
        for path in (ROOT / package).rglob("*.py"):
            relative = path.relative_to(ROOT)
            # Migrations and pages are scripts that Alembic and Streamlit run; what stands beside a Dockerfile runs inside.
            is_script = {"migrations", "pages"} & set(relative.parts) or (path.parent / "Dockerfile").exists()
            if not is_script and path.name != "__main__.py":
                names.add(".".join(relative.with_suffix("").parts).removesuffix(".__init__"))
    return sorted(names)


def run_python(code: str, *arguments: str, cwd: Path) -> str:
    """Run the code in a fresh interpreter with an almost empty environment and give what it printed."""
    said = subprocess.run(
        [sys.executable, "-B", "-c", code, *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "ARENA_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    ours = json.dumps(our_modules())
    elsewhere, here = tmp_path / "listing", tmp_path / "watched"
    elsewhere.mkdir()
    here.mkdir()
    foreign = run_python(LIST_FOREIGN, ours, cwd=elsewhere)
    assert json.loads(run_python(WATCH, ours, foreign.strip(), cwd=here)) == {}
    assert list(here.iterdir()) == []


def test_the_watch_sees_an_import_that_does_something(tmp_path: Path) -> None:
    (tmp_path / "guilty.py").write_text("import os\nos.environ.get('ARENA_HOME')\nopen('left', 'w').close()\n", "utf-8")
    seen = json.loads(run_python("import sys; sys.path.insert(0, '')\n" + WATCH, '["guilty"]', "[]", cwd=tmp_path))
    assert seen == {"guilty": ["environment ARENA_HOME", "open 'left' for writing"]}


def test_every_import_contract_is_kept() -> None:
    said = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
