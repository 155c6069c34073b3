"""Importing any module of ours does nothing but define things."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.structure.sources import PRODUCT, module_name, python_files

#: The fork server preloads it to tie its own life to the worker's: there is no other way to run code there.
DELIBERATE = {"molfleet.runtime.forkserver_life"}

#: Imports the modules named on its command line under an audit hook and prints, as JSON, every effect
#: whose nearest cause outside the standard library is a module of ours, and what is left running.
PROBE = r"""
import importlib, json, logging, os, signal, sys, threading

ROOTS = tuple(sys.argv[1].split(os.pathsep))
STDLIB = os.path.dirname(os.__file__)
EFFECTS = ("open", "os.", "shutil.", "socket.", "subprocess.", "tempfile.", "sqlite3.", "urllib.",
           "_thread.", "os.fork", "os.posix_spawn", "ctypes.dlopen")
HARMLESS = {"os.listdir", "os.scandir", "os.fwalk", "os.walk", "os.add_dll_directory"}
found = []

def culprit():
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOTS):
            return f"{name}:{frame.f_lineno}"
        is_import = name.startswith("<frozen importlib")
        if is_import or not (name.startswith(("<frozen", STDLIB)) and "site-packages" not in name):
            return None
        frame = frame.f_back
    return None

def hook(event, arguments):
    if event.startswith(EFFECTS) and event not in HARMLESS:
        where = culprit()
        if where:
            found.append(f"{where}: {event} {arguments!r:.120}")

handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
environment = dict(os.environ)
signals = {number: signal.getsignal(number) for number in signal.valid_signals()}
sys.addaudithook(hook)
for name in sys.argv[2:]:
    importlib.import_module(name)
if "structlog" in sys.modules and sys.modules["structlog"].is_configured():
    found.append("structlog was configured")
if handlers != logging.getLogger().handlers or level != logging.getLogger().level:
    found.append("logging was configured")
found += [f"thread {thread.name} was started" for thread in threading.enumerate()[1:]]
if "multiprocessing" in sys.modules:
    found += [f"process {child} was started" for child in sys.modules["multiprocessing"].active_children()]
found += [
    f"a handler of {number!r} was set"
    for number, before in signals.items()
    if signal.getsignal(number) != before
]
changed = {name for name in environment if os.environ.get(name) != environment[name]}
found += [f"environment variable {name} was changed" for name in sorted(changed)]
print(json.dumps(found))
"""


def effects(path: list[Path], ours: list[Path], modules: list[str]) -> list[str]:
    """What importing the modules from `path` does by code that lies in `ours`."""
    program = f"import sys; sys.path[:0] = {list(map(str, path))!r}\n{PROBE}"
    result = subprocess.run(
        [sys.executable, "-c", program, os.pathsep.join(map(str, ours)), *modules],
        cwd=path[-1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: list[str] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_importing_every_module_opens_starts_and_configures_nothing() -> None:
    modules = sorted({module_name(path) for path in python_files(*PRODUCT)} - DELIBERATE)
    ours = [ROOT / "common" / "molfleet", ROOT / "workers"]
    assert effects([ROOT / "common", ROOT], ours, modules) == []


def test_the_check_sees_each_effect_of_an_import(tmp_path: Path) -> None:
    sources = {
        "reads": "from pathlib import Path\nTEXT = Path(__file__).read_text()",
        "connects": "import socket\nS = socket.socket()\nS.bind(('127.0.0.1', 0))",
        "spawns": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])",
        "logs": "import logging\nlogging.basicConfig()",
        "threads": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "handles": "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "imports": "import json, logging, threading\nLOG = logging.getLogger(__name__)",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}_something.py").write_text(source)
    seen = {name: bool(effects([tmp_path], [tmp_path], [f"{name}_something"])) for name in sources}
    assert seen == {name: name != "imports" for name in sources}
