"""Nothing of what is scanned is executed, seen from both sides.

From inside: an audit hook in the worker hears whatever the interpreter is asked to do, before any sandbox refuses it.
From outside: the kernel's log of what all processes of a scan did, where `strace` is there to write it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pickled
from bascule.collect.scan import Examined, ScanOptions, examine
from bascule.plugins.registry import working
from bascule.records import Outcome
from scanning import install, installed, inventory_of, write_examples

CANARY = "canary_of_this_test"

WATCHER = f"""
import os, sys
from bascule.plugins.meta import Meta, Reads, Rule
from bascule.records import Finding, Outcome, Severity

heard = []
counted = [0]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
STARTS = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.", "pty.", "socket.", "urllib.",
          "pickle.", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown",
          "os.truncate", "os.kill", "shutil.", "tempfile.", "webbrowser.", "ctypes.dlopen")


def importing(frame):
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap_external>":
            return True
        frame = frame.f_back
    return False


def hook(event, arguments):
    counted[0] += 1
    if (
        event.startswith(STARTS)
        or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES)
        or (event == "import" and str(arguments[0]).startswith("{CANARY}"))
        or (event in ("exec", "marshal.loads") and not importing(sys._getframe(1)))
    ):
        heard.append((event + " " + repr(arguments))[:300])


sys.addaudithook(hook)


class Watcher:
    meta = Meta(
        id="watcher",
        title="For tests",
        rules=(Rule("heard", "Was anything done?", Severity.HIGH, "see to it", "for tests: what an audit hook heard"),),
        reads=Reads(names=("*",)),
    )
    examples = ()

    def scan(self, file):
        for text in heard or ([] if counted[0] else ["the hook is deaf"]):
            yield Finding(rule="heard", outcome=Outcome.TRUE, severity=Severity.HIGH, message=text)
        heard.clear()


plugin = Watcher()
"""

MISCHIEF = f"""
import contextlib, os, pickle, socket

for attempt in (
    lambda: os.system("true"),
    lambda: socket.socket(),
    lambda: open("left-behind", "w"),
    lambda: __import__("{CANARY}"),
    lambda: exec("1 + 1"),
    lambda: pickle.loads(b"cos\\nsystem\\n."),
):
    with contextlib.suppress(Exception):
        attempt()
return
yield
"""


def hostile(root: Path) -> Path:
    """What every scanner was made to find, pickles that run code before they fail, and code that would be imported."""
    write_examples(root)
    for number, (_, build) in enumerate(sorted(pickled.HOSTILE.items())):
        (root / f"hostile-{number}.pkl").write_bytes(build())
        (root / f"hostile-{number}.pt").write_bytes(pickled.torch_zip(build()))
    (root / "canary.pkl").write_bytes(pickled.proto(pickled.called(pickled.stacked(CANARY, "run"), pickled.text("x"))))
    (root / "modeling_canary.py").write_text(f"import {CANARY}\n{CANARY}.run()\n")
    (root / f"{CANARY}.py").write_text("raise SystemExit(99)\n")
    (root / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_canary.Model"}}))
    return root


def watched(tmp_path: Path, root: Path, *also: str) -> Examined:
    plugins = install(tmp_path / "plugins", "watcher", WATCHER)
    scanners = [*working("scanners"), *(installed(plugins, name) for name in also), installed(plugins, "watcher")]
    return examine(inventory_of(root), scanners, ScanOptions(workers=1, plugin_paths=(plugins,)))


def heard(examined: Examined) -> set[str]:
    return {finding.message for finding in examined.observations["watcher"].findings if finding.outcome is Outcome.TRUE}


@pytest.mark.usefixtures("must_end")
def test_no_scanner_asks_the_interpreter_to_execute_write_or_connect(tmp_path: Path) -> None:
    examined = watched(tmp_path, hostile(tmp_path / "subject"))
    assert not examined.failed
    assert heard(examined) == set()


def test_the_hook_hears_each_kind_of_mischief(tmp_path: Path) -> None:
    (tmp_path / "subject").mkdir()
    (tmp_path / "subject" / "a.txt").write_text("x")
    body = MISCHIEF.replace("\n", "\n        ")
    source = (
        WATCHER.split("heard = []")[0]
        + f"""
class Mischief:
    meta = Meta(
        id="mischief", title="For tests",
        rules=(Rule("mischief", "Does it?", Severity.HIGH, "do not", "for tests: it does what no scanner may do"),),
        reads=Reads(names=("*",)),
    )
    examples = ()

    def scan(self, file):
        {body}


plugin = Mischief()
"""
    )
    install(tmp_path / "plugins", "mischief", source)
    events = {message.split()[0] for message in heard(watched(tmp_path, tmp_path / "subject", "mischief"))}
    assert {"os.system", "socket.__new__", "open", "import", "exec", "pickle.find_class"} <= events


CALLS = "execve,execveat,socket,connect,sendto,open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with all that a scan may write to, and each system call of it that succeeded."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([strace, "-o", os.devnull, sys.executable, "-c", ""], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("strace may not trace here")
    base = tmp_path_factory.mktemp("traced")
    subject = hostile(tmp_path_factory.mktemp("subject"))
    bascule = str(Path(sys.executable).with_name("bascule"))
    output = base / "calls"
    watching = [strace, "-f", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(output)]
    subprocess.run(
        [*watching, bascule, "scan", str(subject), "--json"],
        env={"PATH": os.environ["PATH"], "HOME": str(base), "TMPDIR": str(base), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    return base, [line for line in whole_calls(output.read_text()) if not re.search(r"= -1 E[A-Z]+ ", line)]


def whole_calls(log: str) -> list[str]:
    """One line for each call: where another process came between, its two halves are joined."""
    begun: dict[str, str] = {}
    calls = []
    for line in log.splitlines():
        process, _, said = line.partition(" ")
        resumed = re.match(r"\s*<\.\.\. \w+ resumed>", said)
        if said.endswith("<unfinished ...>"):
            begun[process] = said.removesuffix("<unfinished ...>")
        elif resumed:
            calls.append(f"{process} {begun.pop(process, '')}{said[resumed.end() :]}")
        else:
            calls.append(line)
    return [*calls, *(f"{process} {said}" for process, said in begun.items())]


def test_the_kernel_starts_nothing_but_the_scan_and_its_workers(log: tuple[Path, list[str]]) -> None:
    started = [line for line in log[1] if re.search(r"\bexecve(at)?\(", line)]
    workers = [line for line in started if '"bascule.collect.scan.worker"' in line]
    assert 1 <= len(workers) <= 2
    assert len(started) == len(workers) + 1


def test_the_kernel_makes_no_connection(log: tuple[Path, list[str]]) -> None:
    assert [line for line in log[1] if re.search(r"\b(socket\(AF_(INET|INET6|NETLINK|PACKET)|connect\()", line)] == []


def test_the_kernel_opens_nothing_for_writing_outside_scratch_and_home(log: tuple[Path, list[str]]) -> None:
    base, calls = log
    changed = [line for line in calls if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)|\b(rename|unlink|creat)\w*\(", line)]
    assert changed
    strangers = []
    for line in changed:
        named = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
        beneath = [name for name in named if name.startswith(f"{base}/") or name == os.devnull]
        relative = [name for name in named if not name.startswith("/")]
        if len(beneath) + len(relative) != len(named) or (relative and "unlinkat" not in line):
            strangers.append(line)
    assert strangers == []
