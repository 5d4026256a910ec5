"""What a file or directory is, by its first bytes and never by its name: an archive that can be drilled, or which not.

The order: an archive in one of pg_dump's three forms; plain SQL, also compressed, which is refused with the command
that makes an archive (a truncated one restores half without a word, and psql runs programs hidden in it); an archive
inside a compressed file or a directory in a tar, with the command that gets it out; a physical copy; an encrypted file.
What is none of these is no backup, and that is damage. What this does not do: read further than a few kilobytes.
"""

from __future__ import annotations

import re
import shlex
import stat
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.backup.toc import MAGIC, Form, Toc, read_toc
from dbops.errors import DamageError, UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_HEAD = 4096
_TAR_BLOCK = 512
_TOC = "toc.dat"
# The program that unpacks what begins like this.
_COMPRESSED = (
    (b"\x1f\x8b", "gunzip"), (b"\x28\xb5\x2f\xfd", "unzstd"), (b"\x04\x22\x4d\x18", "unlz4"),
    (b"BZh", "bunzip2"), (b"\xfd7zXZ\0", "unxz"), (b"PK\x03\x04", "unzip"),
)  # fmt: skip
_ENCRYPTED = (b"age-encryption.org/", b"-----BEGIN AGE", b"-----BEGIN PGP MESSAGE", b"Salted__")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_SQL = re.compile(
    rb"(?:^|\n)\s*(?:--|/\*|\\|SET |CREATE |INSERT |BEGIN|DROP |ALTER |COPY |SELECT |GRANT |DO |START )", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that pg_restore may be given: where it is, and in which of pg_dump's forms."""

    path: Path
    form: Form

    def files(self) -> list[Path]:
        """Return the files that it consists of, in name order."""
        return sorted(one for one in self.path.iterdir() if one.is_file()) if self.form == "directory" else [self.path]

    def bytes(self) -> int:
        """Return how large it is."""
        return sum(path.stat().st_size for path in self.files())

    def check_whole(self) -> None:
        """Look for what pg_restore does not survive. Raises DamageError.

        On a tar file that is cut off in the middle of its data pg_restore (15) reads for ever, and says nothing.
        """
        if self.form == "tar":
            with _opened(self.path) as stream:
                check_tar(stream, self.path.stat().st_size, str(self.path))

    def contents(self) -> Toc:
        """Return its table of contents. Raises DamageError, UnavailableError."""
        with _opened(self.path / _TOC if self.form == "directory" else self.path) as stream:
            stream.seek(_TAR_BLOCK if self.form == "tar" else 0)
            return read_toc(stream, self.form)


def check_tar(stream: BinaryIO, size: int, name: str) -> None:
    """Follow the headers of a tar file from member to member to its end. Raises DamageError."""
    place = 0
    while True:
        stream.seek(place)
        header = stream.read(_TAR_BLOCK)
        if len(header) < _TAR_BLOCK:
            raise DamageError(f"{name} is cut off: its tar has no end", hint="make another with: dbops backup")
        if not any(header):
            return
        length = _tar_length(header)
        if length is None:
            raise DamageError(f"{name} is damaged: what should be a header of its tar at byte {place} is none")
        place += _TAR_BLOCK + -(-length // _TAR_BLOCK) * _TAR_BLOCK
        if place > size:
            raise DamageError(f"{name} is cut off: its tar names {place - size} bytes more than it has")


def _tar_length(header: bytes) -> int | None:
    """Return how long the member is whose header this is; None for a header whose checksum is wrong."""
    try:
        checksum = int(header[148:156].strip(b" \0"), 8)
        field = header[124:136]
        # Beyond 8 GiB the length is in base 256, marked by the first bit.
        length = int.from_bytes(field[1:], "big") if field[0] & 0x80 else int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        return None
    return length if checksum == sum(header[:148]) + sum(b" " * 8) + sum(header[156:]) else None


def recognise(path: Path) -> Archive:
    """Return what `path` is, with its absolute path.

    Raises UsageError for what cannot be drilled and for what is not there, DamageError for what is no backup at all.
    """
    # Absolute, since programs do not run in our working directory, and so that no name looks like an option.
    path = path.absolute()
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"--artifact {path}: {error.strerror}", hint="name an archive of pg_dump") from error
    if stat.S_ISDIR(status.st_mode):
        return _directory(path)
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(
            f"--artifact {path} is neither a file nor a directory", hint="pg_restore reads an archive more than once"
        )
    with _opened(path) as stream:
        head = stream.read(_HEAD)
    return Archive(path, _form(path, head))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}", hint="let dbops' user read it") from error


def _directory(path: Path) -> Archive:
    if (path / _TOC).is_file():
        return Archive(path, "directory")
    if (path / "PG_VERSION").exists() or (path / "backup_manifest").exists():
        raise _physical(path)
    if any(path.glob("*.manifest.json")):
        raise UsageError(
            f"--artifact {path} is a directory of backups made by dbops, not one of them",
            hint=f"dbops drill --backup-dir {shlex.quote(str(path))} --latest",
        )
    raise DamageError(
        f"{path} holds no {_TOC}: it is no archive in directory format, or the dump was cut off before it was finished",
        hint="name the directory that pg_dump -Fd wrote",
    )


def _form(path: Path, head: bytes) -> Form:
    if head.startswith(MAGIC):
        return "custom"
    if head[257:262] == b"ustar":
        return _tar(path, head)
    if not head:
        raise DamageError(f"{path} is empty: the dump failed before it wrote anything", hint="make another")
    for start, program in _COMPRESSED:
        if head.startswith(start):
            raise _compressed(path, head, program)
    if head.startswith(_ENCRYPTED):
        raise UsageError(
            f"{path} is encrypted",
            hint="decrypt it into a private place and drill what comes out: age --decrypt --identity KEY"
            f" --output backup.dump {shlex.quote(str(path))}; a backup of dbops is decrypted by: dbops drill --id",
        )
    if is_plain_sql(head):
        raise _plain(path)
    raise DamageError(
        f"{path} is no archive of pg_dump: it begins with {head[:8].hex(' ')}", hint="make another with: dbops backup"
    )


def _tar(path: Path, head: bytes) -> Form:
    first = head[:100].partition(b"\0")[0].decode("utf-8", errors="replace")
    if first == _TOC:
        return "tar"
    if first.removeprefix("./").startswith(("PG_VERSION", "backup_label", "base", "tablespace_map")):
        raise _physical(path)
    raise UsageError(
        f"{path} is a tar file, but none that pg_dump -Ft wrote: it begins with {first!r}",
        hint=f"unpack it (tar -xf {shlex.quote(str(path))}) and name the directory that holds {_TOC}",
    )


def is_plain_sql(head: bytes) -> bool:
    """Tell whether bytes are the beginning of a script for psql."""
    return b"\0" not in head and _SQL.search(head.removeprefix(b"\xef\xbb\xbf")) is not None


def _plain(path: Path) -> UsageError:
    return UsageError(
        f"{path} is plain SQL, which is not drilled: cut off in the middle it restores half without a word, and psql"
        " runs whatever program is hidden in it",
        hint='make an archive instead: pg_dump -Fc --file=backup.dump --dbname="$DATABASE_URL"; then:'
        " dbops drill --artifact backup.dump",
    )


def _compressed(path: Path, head: bytes, program: str) -> UsageError:
    inside = _inside_gzip(head) if program == "gunzip" else b""
    if is_plain_sql(inside):
        return _plain(path)
    what = (
        "an archive of pg_dump" if inside.startswith(MAGIC) else "a tar file" if inside[257:262] == b"ustar" else None
    )
    return UsageError(
        f"{path} is compressed ({program} unpacks it)" + (f", and holds {what}" if what else ""),
        hint="unpack it and drill what comes out; if that is plain SQL, make an archive instead: pg_dump -Fc"
        ' --file=backup.dump --dbname="$DATABASE_URL"' if what is None else f"unpack it: {program} --keep "
        f"{shlex.quote(str(path))}; then drill what comes out. pg_dump -Fc compresses by itself",
    )  # fmt: skip


def _inside_gzip(head: bytes) -> bytes:
    """Return the beginning of what is compressed, as far as these bytes tell."""
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(head, _HEAD)
    except zlib.error:
        return b""


def _physical(path: Path) -> UsageError:
    return UsageError(
        f"{path} is a physical copy of a whole cluster, not an archive of pg_dump",
        hint="--artifact takes what pg_dump -Fc, -Fd or -Ft wrote",
    )
