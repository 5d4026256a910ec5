"""pg_dump and pg_restore, as a backup uses them: make an archive, then show that all of it can be read.

Rules, in order:

1. An exit code of 0 is not enough: pg_dump's stderr is read, and a line that is not a known kind of warning fails.
2. `--list` and a schema-only reconstruction read the front of the archive only; both pass on a truncated one. They are
   kept for what they show (the contents, the schema), and the full read is what decides.
3. Never `--enable-row-security`: it makes a dump of half the rows look whole.
4. Nothing secret is on an argument list; even the database's name reaches the programs through the environment.

What this does not do: decide where the archive lies, or trust it later (`storage` compares its SHA-256 first).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbops.connection.process import NOTHING, Completed, run
from dbops.errors import ProgramFailedError
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.deadline import Deadline
    from dbops.connection.target import Target

_WARNING = re.compile(
    r"^(?:pg_(?:dump|restore): (?P<kind>warning|detail|hint)|WARNING|NOTICE|DETAIL|HINT): *(?P<text>.*)$"
)
_SPEAKER = re.compile(r"^pg_\w+: ")


@dataclass(frozen=True, slots=True)
class Form:
    """What a dump is to look like; several `jobs` take a directory."""

    format: Literal["custom", "directory"] = "custom"
    codec: Literal["gzip", "zstd", "lz4", "none"] = "gzip"
    jobs: int = 1

    def arguments(self, major: int) -> list[str]:
        """Return it as arguments of pg_dump of that major version."""
        words = [f"--format={self.format}"]
        if self.jobs > 1:
            words.append(f"--jobs={self.jobs}")
        if self.codec == "none":
            words.append("--compress=0")
        elif self.codec != "gzip":
            words.append(f"--compress={self.codec}")
        elif major >= 16:
            words.append("--compress=gzip")
        return words

    def missing(self, binaries: Binaries) -> str | None:
        """Return why these programs cannot write it, None where they can."""
        if self.codec in {"gzip", "none"}:
            return None
        if binaries.major < 16:
            return f"pg_dump {binaries.major} knows no {self.codec}: that came with 16"
        built = binaries.capabilities.zstd if self.codec == "zstd" else binaries.capabilities.lz4
        return None if built is not False else f"pg_dump in {binaries.directory} was built without {self.codec}"


@dataclass(frozen=True, slots=True)
class Archiver:
    """Client programs with what every call of them needs: a private directory for output, and a deadline for all."""

    binaries: Binaries
    directory: Path
    deadline: Deadline

    def dump(  # noqa: PLR0913  (each is a property of one dump)
        self,
        target: Target,
        archive: Path,
        *,
        snapshot: str | None = None,
        lock_wait_seconds: float,
        form: Form | None = None,
        extra: tuple[str, ...] = (),
        on_tick: Callable[[], None] | None = None,
    ) -> Completed:
        """Write a dump of `target` to `archive`, which exists already (a directory: empty); the caller judges it.

        It is not synced: whoever keeps it brings it to disk.
        """
        arguments = [
            *(form or Form()).arguments(self.binaries.major), "--no-password", "--no-sync",
            f"--lock-wait-timeout={round(lock_wait_seconds * 1000)}",
            f"--file={archive}", *extra,
        ]  # fmt: skip
        if snapshot:
            arguments.append(f"--snapshot={snapshot}")
        return self._run("pg_dump", arguments, environment=target.program_environment(self.directory), on_tick=on_tick)

    def contents(self, archive: Path, listing: Path) -> Completed:
        """Write the table of contents of `archive` to `listing`."""
        return self._run("pg_restore", ["--list", str(archive)], name="list", stdout=listing)

    def rebuild_schema(self, archive: Path, *, on_tick: Callable[[], None] | None = None) -> Completed:
        """Reconstruct the SQL of the schema and throw it away."""
        arguments = ["--schema-only", "--file=/dev/null", str(archive)]
        return self._run("pg_restore", arguments, name="schema", on_tick=on_tick)

    def read_whole(
        self, archive: Path, part: Path | None = None, *, on_tick: Callable[[], None] | None = None
    ) -> Completed:
        """Decode every block of `archive`, or of the entries that the file `part` lists, and throw it away."""
        listed = [f"--use-list={part}"] if part else []
        name = part.stem if part else "read"
        return self._run("pg_restore", ["--file=/dev/null", *listed, str(archive)], name=name, on_tick=on_tick)

    def read_arriving(self, arriving: int, *, on_tick: Callable[[], None]) -> Completed:
        """Decode every block of a custom archive that comes through the descriptor `arriving`, and throw it away."""
        arguments = ["--file=/dev/null", "--format=custom"]
        return self._run("pg_restore", arguments, name="arriving", on_tick=on_tick, stdin=arriving)

    def _run(  # noqa: PLR0913  (each is a property of one call)
        self,
        program: str,
        arguments: list[str],
        *,
        name: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdout: Path | None = None,
        on_tick: Callable[[], None] | None = None,
        stdin: int = NOTHING,
    ) -> Completed:
        return run(
            self.binaries.program(program),
            arguments,
            output=self.directory / (name or program),
            environment=environment,
            deadline=self.deadline.left(),
            stdout=stdout,
            on_tick=on_tick,
            stdin=stdin,
        )


def warnings_of(completed: Completed) -> tuple[str, ...]:
    """Return the warnings that a successful program printed, redacted.

    Raises ProgramFailedError for a line that is none: what it means is not known, so the archive is not trusted.
    """
    found: list[str] = []
    in_detail = False
    for line in completed.stderr.read_text(encoding="utf-8", errors="replace").splitlines():
        matched = _WARNING.match(line)
        if matched:
            found.append(redact(matched["text"]))
            in_detail = matched["kind"] == "detail"
        elif in_detail and not _SPEAKER.match(line):
            # A detail names tables, and a name may hold a line break.
            found[-1] += f" {redact(line)}"
        elif line.strip():
            raise ProgramFailedError(
                f"{completed.program.name} ended with 0 but said what dbops does not know: {redact(line)}",
                hint="look into it, then run the command again; nothing was published",
            )
    return tuple(found)
