"""The evidence writer under every fault of every system call it makes: nothing that was acknowledged is ever lost.

A worker process makes runs and acknowledges each over a pipe once it is through. The faults are injected at the os
functions; the states a power cut can leave are computed from a trace of them, under the strictest reading of POSIX:
data is there after fsync of the file, a name after fsync of its directory, anything else may or may not be.
"""

from __future__ import annotations

import copy
import errno
import itertools
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.errors import EvidenceNotKeptError
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS = ("open", "write", "fsync", "replace", "rename", "unlink", "ftruncate", "mkdir")
KILLED = 9
RUNS = 2


def work(logs: Path, acknowledge: Callable[[str], None]) -> None:
    """Make runs with an artifact each; a run that cannot be kept is not acknowledged, and the next one is made."""
    for number in range(RUNS):
        try:
            with Run.start("drill", logs, "backup-drill") as run:
                (run.directory / "listing.txt").write_text(f"listing {number}")
        except EvidenceNotKeptError:
            continue
        acknowledge(run.run_id)


def prepare(logs: Path) -> None:
    """Leave what a crash leaves: a run in the log and half a line after it, so that recovery is under test too."""
    with Run.start("audit", logs, "index-audit"):
        pass
    with (logs / "evidence" / "log.jsonl").open("ab") as file:
        file.write(b'{"signatures":[],"st')


def lost(logs: Path, acknowledged: list[str]) -> list[str]:
    """Let one more run recover what there is; return what is then missing or wrong."""
    with Run.start("audit", logs, "index-audit"):
        pass
    lines = (logs / "evidence" / "log.jsonl").read_bytes().splitlines()
    records = [json.loads(line)["statement"]["predicate"] for line in lines]
    finished = {record["runId"] for record in records if record["type"] == "run.finished"}
    started = {record["runId"] for record in records if record["type"] == "run.started"}
    ended = finished | {record["runId"] for record in records if record["type"] == "run.aborted"}
    faults = [f"run {run_id} is not in the log" for run_id in acknowledged if run_id not in finished]
    faults += [f"run {run_id} has no end" for run_id in started - ended]
    faults += [f"{path} was left behind" for path in logs.rglob("*.body.json")]
    for answered in examine(logs, Question()).answers:
        if answered.name in {"COMPLETE", "ARTIFACTS MATCH"} and answered.answer != "yes":
            faults.append(answered.line)
    return faults


@dataclass
class Injected:
    """Replaces the os functions from the `number`-th call on; `fault` says what that one call does."""

    number: int = -1
    fault: str = "none"
    calls: list[str] = field(default_factory=list)

    def install(self) -> None:
        for name in FUNCTIONS:
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) - 1 != self.number:
                return real(*arguments, **options)
            return self._fail(real, arguments, options)

        return call

    def _fail(self, real: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self.fault in {"EIO", "ENOSPC"}:
            code = getattr(errno, self.fault)
            raise OSError(code, os.strerror(code))
        if self.fault == "kill before":
            os._exit(KILLED)
        if self.fault.startswith("short"):
            descriptor, data = arguments
            written = real(descriptor, bytes(data)[: len(data) // 2])
            if self.fault == "short and kill":
                os._exit(KILLED)
            return written
        try:
            real(*arguments, **options)
        finally:
            os._exit(KILLED)


def in_child(logs: Path, injected: Injected) -> tuple[int, list[str], list[str]]:
    """Do the work in a child with a fault; return its exit code, what it acknowledged, and the calls it made."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            write = os.write
            injected.install()
            work(logs, lambda run_id: write(writer, f"ack {run_id}\n".encode()) and None)
            write(writer, f"calls {' '.join(injected.calls)}\n".encode())
            code = 0
        except BaseException as error:  # noqa: BLE001  (the child must not go on as a second test session)
            write(writer, f"error {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "r") as pipe:
        said = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    words = [line.split() for line in said]
    errors = [line for line in said if line.startswith("error")]
    assert errors == []
    acknowledged = [line[1] for line in words if line[0] == "ack"]
    calls = next((line[1:] for line in words if line[0] == "calls"), [])
    return os.waitstatus_to_exitcode(status), acknowledged, calls


# Under xdist the worker has a thread of its own; the child here touches nothing of it.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_no_fault_of_any_system_call_loses_an_acknowledged_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path / "clean")
    code, acknowledged, calls = in_child(tmp_path / "clean", Injected())
    assert (code, len(acknowledged), lost(tmp_path / "clean", acknowledged)) == (0, RUNS, [])

    counts: dict[str, int] = {}
    failed: list[str] = []
    refused = 0
    for number, name in enumerate(calls):
        faults = ["EIO", "ENOSPC", "kill before", "kill after"]
        for fault in [*faults, *(["short", "short and kill"] if name == "write" else [])]:
            logs = tmp_path / f"{number}-{fault.replace(' ', '-')}"
            prepare(logs)
            code, acknowledged, _ = in_child(logs, Injected(number, fault))
            assert code == (KILLED if "kill" in fault else 0)
            refused += RUNS - len(acknowledged) if code == 0 else 0
            failed += [f"{fault} at call {number} ({name}): {what}" for what in lost(logs, acknowledged)]
            counts[fault] = counts.get(fault, 0) + 1
    with capsys.disabled():
        spread = ", ".join(f"{count} {fault}" for fault, count in counts.items())
        print(f"\n  {sum(counts.values())} faults over {len(calls)} system calls ({spread});")  # noqa: T201
        print(f"  {refused} runs refused with exit code 5, {len(failed)} acknowledged records lost")  # noqa: T201
    assert failed == []
    assert refused > 0


@dataclass
class Node:
    """A file or directory of the modelled disk: what it holds now, and what a power cut cannot take away."""

    directory: bool
    data: bytes = b""
    durable: bytes = b""
    names: dict[str, Node] = field(default_factory=dict)
    durable_names: dict[str, Node] = field(default_factory=dict)

    def sync(self) -> None:
        self.durable = self.data
        self.durable_names = dict(self.names)


@dataclass
class Disk:
    """A model of what has reached the disk, fed by the calls a writer makes below `root`."""

    root: Path
    top: Node = field(default_factory=lambda: Node(directory=True))
    open_files: dict[int, Node] = field(default_factory=dict)

    def node(self, path: Path) -> Node | None:
        node: Node | None = self.top
        for part in path.relative_to(self.root).parts:
            node = node.names.get(part) if node else None
        return node

    def inside(self, path: Any) -> bool:
        return Path(os.fspath(path)).is_relative_to(self.root) if isinstance(path, (str, os.PathLike)) else False

    def opened(self, path: Path, flags: int, descriptor: int) -> None:
        node = self.node(path)
        if node is None and flags & os.O_CREAT:
            node = Node(directory=False)
            self.parent(path).names[path.name] = node
        assert node is not None
        self.open_files[descriptor] = node

    def parent(self, path: Path) -> Node:
        parent = self.node(path.parent)
        assert parent is not None
        return parent


def _torn(node: Node) -> bytes:
    if node.data.startswith(node.durable):
        return node.data[: len(node.durable) + (len(node.data) - len(node.durable)) // 2]
    return node.durable


# What a power cut may leave of a node: which names, and which bytes.
STATES: dict[str, Callable[[Node], tuple[dict[str, Node], bytes]]] = {
    "only what was synced": lambda node: (node.durable_names, node.durable),
    "all names, only synced bytes": lambda node: (node.names, node.durable),
    "synced names, all bytes": lambda node: (node.durable_names, node.data),
    "all names, half of the other bytes": lambda node: (node.names, _torn(node)),
    "everything": lambda node: (node.names, node.data),
}


def _write(node: Node, target: Path, choose: Callable[[Node], tuple[dict[str, Node], bytes]]) -> None:
    names, data = choose(node)
    if not node.directory:
        target.write_bytes(data)
        target.chmod(0o600)
        return
    target.mkdir(mode=0o700)
    for name, child in names.items():
        _write(child, target / name, choose)


class Tracer:
    """Feeds a Disk from the os functions, and calls `at_each` after every call that changed it."""

    def __init__(self, disk: Disk, at_each: Callable[[], None]) -> None:
        self.disk = disk
        self.at_each = at_each
        self.calls = 0

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for name in FUNCTIONS:
            patch.setattr(os, name, self._traced(getattr(os, name), getattr(self, f"_{name}")))
        patch.setattr(os, "close", self._traced(os.close, self._close))

    def _traced(self, real: Callable[..., Any], note: Callable[..., bool]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            result = real(*arguments, **options)
            if note(result, *arguments):
                self.calls += 1
                self.at_each()
            return result

        return call

    def _open(self, descriptor: int, path: Any, flags: int, *_: Any) -> bool:
        if not self.disk.inside(path):
            return False
        self.disk.opened(Path(path), flags, descriptor)
        return bool(flags & os.O_CREAT)

    def _close(self, _result: None, descriptor: int) -> bool:
        self.disk.open_files.pop(descriptor, None)
        return False

    def _write(self, written: int, descriptor: int, data: bytes) -> bool:
        node = self.disk.open_files.get(descriptor)
        if node is None:
            return False
        node.data += bytes(data)[:written]
        return True

    def _fsync(self, _result: None, descriptor: int) -> bool:
        self.disk.open_files[descriptor].sync()
        return True

    def _ftruncate(self, _result: None, descriptor: int, size: int) -> bool:
        self.disk.open_files[descriptor].data = self.disk.open_files[descriptor].data[:size]
        return True

    def _mkdir(self, _result: None, path: Any, *_: Any) -> bool:
        self.disk.parent(Path(path)).names[Path(path).name] = Node(directory=True)
        return True

    def _unlink(self, _result: None, path: Any, **_: Any) -> bool:
        if self.disk.inside(path):
            self.disk.parent(Path(path)).names.pop(Path(path).name)
        return self.disk.inside(path)

    def _rename(self, _result: None, source: Any, target: Any) -> bool:
        moved = self.disk.parent(Path(source)).names.pop(Path(source).name)
        self.disk.parent(Path(target)).names[Path(target).name] = moved
        return True

    _replace = _rename


def load(path: Path) -> Node:
    """Return a directory tree as it is, all of it long since on the disk."""
    if stat.S_ISDIR(path.lstat().st_mode):
        node = Node(directory=True, names={child.name: load(child) for child in path.iterdir()})
    else:
        node = Node(directory=False, data=path.read_bytes())
    node.sync()
    return node


@pytest.mark.parametrize("before", ["a log with a torn tail", "nothing"])
def test_no_power_cut_loses_an_acknowledged_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], before: str
) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    if before != "nothing":
        prepare(root / "logs")
    disk = Disk(root, load(root))
    acknowledged: list[str] = []
    moments: list[tuple[Node, list[str]]] = []

    def cut() -> None:
        moments.append((copy.deepcopy(disk.top), list(acknowledged)))

    tracer = Tracer(disk, cut)
    with monkeypatch.context() as patch:
        tracer.install(patch)
        for number in range(RUNS):
            with Run.start("drill", root / "logs", "backup-drill") as run:
                run.note(f"run {number}")
            acknowledged.append(run.run_id)
    cut()

    failed, states = [], 0
    for (top, known), (name, choose) in itertools.product(moments, STATES.items()):
        states += 1
        target = tmp_path / f"cut-{states}"
        _write(top, target, choose)
        failed += [f"{target.name} ({name}): {what}" for what in lost(target / "logs", known)]
    with capsys.disabled():
        print(f"\n  {states} power cuts over {tracer.calls} changes of the disk, starting from {before};")  # noqa: T201
        print(f"  {len(failed)} acknowledged records lost")  # noqa: T201
    assert failed == []
