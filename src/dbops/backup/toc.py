"""The table of contents of an archive, read from its bytes: who made it, from what, and every entry with its text.

`pg_restore --list` shows names unquoted and no text, so that `my owner` cannot be told from a table `my` of `owner`.
This reads what pg_dump wrote: the header, then the entries, the same in custom, directory and tar archives. Rules:

1. Nothing is believed: a length beyond the end, a negative count, a version that is not known end the reading.
2. Damage raises DamageError. A newer version of the format is none; it raises UnavailableError with the remedy.
3. Nothing of it is ever run; what is made of it is composed from names (`strangers.py`, `needs.py` of a drill).

What this does not do: look at the rows, or recognise files that are no archives (`drill/recognise.py`).
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from dbops.errors import DamageError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

Codec = Literal["none", "gzip", "lz4", "zstd"]
Form = Literal["custom", "directory", "tar"]

MAGIC = b"PGDMP"
# The major version of PostgreSQL that brought each version of the format; older ones are read as well.
_SINCE = {(1, 14): 12, (1, 15): 16, (1, 16): 17}
_OLDEST, _NEWEST = (1, 10), max(_SINCE)
_CODECS: tuple[Codec, ...] = ("none", "gzip", "lz4", "zstd")
# A function body or a comment may be long; a length beyond this is damage.
_LONGEST = 256 << 20
_MOST_ENTRIES = 10_000_000
# What stands before a place: whether it is not known yet, or known; anything else says that there are no rows.
_PLACE_OPEN, _PLACE_KNOWN = 1, 2
# The kinds of entries whose text says something that is needed before anything is run.
_TELLING = frozenset(
    {"ACL", "BLOB METADATA", "COLLATION", "DATABASE", "DEFAULT ACL", "ENCODING", "EXTENSION", "POLICY", "SEQUENCE SET"}
)
_ENCODING = re.compile(r"SET client_encoding = '(\w+)'")
_PYTHON_NAMES = {"SQL_ASCII": "utf-8", "UHC": "cp949", "KOI8R": "koi8_r", "KOI8U": "koi8_u", "SHIFT_JIS_2004": "sjis"}


class SupportsRead(Protocol):
    """Where bytes come from; fewer than asked for are the end."""

    def read(self, number: int, /) -> bytes:
        """Return so many bytes, or all that are left."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an archive says of itself; versions as pg_dump wrote them ("15.18 (Debian …)")."""

    version: tuple[int, int]
    codec: Codec
    taken: str
    database: str
    server_version: str
    dump_version: str

    @property
    def oldest_reader(self) -> int:
        """The first major version of pg_restore that reads this version of the format."""
        return max((major for version, major in _SINCE.items() if version <= self.version), default=0)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry, exactly: names unquoted, `rows` whether it has any.

    `definition` is the SQL that makes it, where that is needed; empty elsewhere. `place` is the offset of its rows in a
    custom archive, None where that is not written down.
    """

    dump_id: int
    kind: str
    name: str
    schema: str
    owner: str
    definition: str
    rows: bool
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are in a custom archive: the end of its table of contents, and by dump id where rows begin.

    `settled` is SHA-256 of all in the table of contents that pg_dump does not write anew at its end. `denied` is how
    many entries have rows and say, where their place is, that they have none: pg_restore leaves those rows out.
    """

    end: int
    rows: dict[int, int | None]
    integer_bytes: int
    settled: str
    denied: int


@dataclass(frozen=True, slots=True)
class Toc:
    """A whole table of contents."""

    header: Header
    items: tuple[Item, ...] = field(repr=False)
    encoding: str = "UTF8"

    def of_kind(self, *kinds: str) -> Iterator[Item]:
        """Yield the entries of these kinds."""
        return (item for item in self.items if item.kind in kinds)


def read_toc(stream: SupportsRead, form: Form) -> Toc:
    """Read a table of contents from where it begins. Raises DamageError, or UnavailableError for a newer format."""
    reader = _Reader(stream)
    header = _read_header(reader, form)
    items = []
    for item in _read_items(reader, form):
        if item.kind == "ENCODING" and (found := _ENCODING.search(item.definition)):
            reader.encoding = found[1]
        items.append(item)
    return Toc(header, tuple(items), reader.encoding)


def read_places(stream: SupportsRead) -> Places:
    """Read where the rows of a custom archive lie; raises as `read_toc`."""
    reader = _Reader(stream)
    _read_header(reader, "custom")
    rows = {item.dump_id: item.place for item in _read_items(reader, "custom") if item.rows}
    return Places(reader.length, rows, reader.integer_bytes, reader.settled.hexdigest(), reader.denied)


def _spell(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _read_header(reader: _Reader, form: Form) -> Header:
    if reader.bytes(5) != MAGIC:
        raise DamageError("the archive's table of contents does not begin as one")
    reader.version = (reader.byte(), reader.byte())
    if reader.version < _OLDEST or reader.version[0] != 1:
        raise DamageError(
            f"the archive has version {_spell(reader.version)} of pg_dump's format, which there never was"
        )
    reader.byte()  # the revision, which changes nothing
    reader.integer_bytes, reader.offset_bytes = reader.byte(), reader.byte()
    if not (1 <= reader.integer_bytes <= 8 and 1 <= reader.offset_bytes <= 8):
        raise DamageError("the archive was written on a machine that there never was")
    reader.byte()  # the form, which directories say wrongly before 16
    codec = _read_codec(reader, form)
    second, minute, hour, day, month, year, _ = (reader.integer() for _ in range(7))
    header = Header(
        version=reader.version,
        codec=codec,
        taken=f"{year + 1900:04}-{month + 1:02}-{day:02} {hour:02}:{minute:02}:{second:02}",
        database=reader.text(),
        server_version=reader.text(),
        dump_version=reader.text(),
    )
    if header.version > _NEWEST:
        raise UnavailableError(
            f"the archive has version {_spell(header.version)} of pg_dump's format, and dbops knows it up to"
            f" {_spell(_NEWEST)}",
            hint="update dbops, or make the archive with pg_dump of PostgreSQL 18 or older",
        )
    return header


def _read_codec(reader: _Reader, form: Form) -> Codec:
    if reader.version >= (1, 15):
        number = reader.byte()
        if number >= len(_CODECS):
            raise DamageError(f"the archive names a compression ({number}) that there is not")
        return _CODECS[number]
    # Before 16 a level is all it says, and there was but gzip; in tar never.
    return "gzip" if reader.integer() != 0 and form != "tar" else "none"


def _read_items(reader: _Reader, form: Form) -> Iterator[Item]:
    number = reader.integer()
    if not 0 <= number <= _MOST_ENTRIES:
        raise DamageError(f"the archive's table of contents claims {number} entries")
    for _ in range(number):
        yield _read_item(reader, form)


def _read_item(reader: _Reader, form: Form) -> Item:
    dump_id, has_data = reader.integer(), reader.integer()
    reader.text()  # the catalog's OID
    reader.text()  # the object's
    name, kind = reader.text(), reader.text()
    if reader.version >= (1, 11):
        reader.integer()  # the section
    definition = reader.text()
    reader.text()  # how to drop it
    reader.text()  # how to copy it
    schema = reader.text()
    reader.text()  # the tablespace
    if reader.version >= (1, 14):
        reader.text()  # the access method
    if reader.version >= (1, 16):
        reader.integer()  # the kind of relation
    owner = reader.text()
    if not (kind in _TELLING or "COMPRESSION" in definition):
        definition = ""  # most of what there is, and nobody's to read here
    reader.text()  # WITH OIDS
    while reader.text_or_none() is not None:  # what it depends on
        pass
    place = _read_place(reader, form, rows=has_data != 0)
    return Item(dump_id, kind, name, schema, owner, definition, rows=has_data != 0, place=place)


def _read_place(reader: _Reader, form: Form, *, rows: bool) -> int | None:
    """Return the offset in the file where the rows begin; other forms name a file instead."""
    if form != "custom":
        reader.text()
        return None
    state = reader.unsettled(1)[0]
    offset = reader.unsettled(reader.offset_bytes)
    # "Not known yet" becomes "known"; all else is final.
    if not (rows and state in {_PLACE_OPEN, _PLACE_KNOWN}):
        reader.settled.update(bytes([state]) + offset)
        reader.denied += rows
    return int.from_bytes(offset, "little") if state == _PLACE_KNOWN else None


class _Reader:
    """Reads the three kinds of things a table of contents consists of."""

    def __init__(self, stream: SupportsRead) -> None:
        self._stream = stream
        self.settled = hashlib.sha256()
        self.length = self.denied = 0
        self.version = (0, 0)
        self.integer_bytes = self.offset_bytes = 4
        self.encoding = "UTF8"

    def unsettled(self, number: int) -> bytes:
        """Return bytes that pg_dump may write anew."""
        data = self._stream.read(number)
        if len(data) != number:
            raise DamageError("the archive ends within its table of contents")
        self.length += number
        return data

    def bytes(self, number: int) -> bytes:
        data = self.unsettled(number)
        self.settled.update(data)
        return data

    def byte(self) -> int:
        return self.bytes(1)[0]

    def integer(self) -> int:
        negative = self.byte() != 0
        value = int.from_bytes(self.bytes(self.integer_bytes), "little")
        return -value if negative else value

    def text_or_none(self) -> str | None:
        length = self.integer()
        if length < 0:
            return None
        if length > _LONGEST:
            raise DamageError(f"the archive's table of contents claims a text of {length} bytes")
        data = self.bytes(length)
        if b"\0" in data:
            raise DamageError("the archive's table of contents holds a text that no pg_dump writes")
        return data.decode(_python_encoding(self.encoding), errors="replace")

    def text(self) -> str:
        return self.text_or_none() or ""


def _python_encoding(name: str) -> str:
    """Return Python's name for an encoding of PostgreSQL's."""
    wanted = _PYTHON_NAMES.get(name) or re.sub(r"^WIN(?=\d)", "cp", name)
    try:
        return codecs.lookup(wanted).name
    except LookupError:
        return "utf-8"
