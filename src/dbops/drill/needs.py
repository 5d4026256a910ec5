"""What restoring an archive asks of the programs that do it, by its table of contents, before anything is started.

Extensions, ICU, the codec of its rows, lz4 in columns, the version of its format. What a server or a pg_restore lacks
says nothing about the backup: another one is tried, and where there is none the drill is inconclusive, never a failure.
What this does not do: look for programs (`programs.py`); see what only shows while restoring (`ledger.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.model import ExtensionInfo, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.backup.toc import Codec, Toc
    from dbops.connection.binaries import Binaries

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_IN_SCHEMA = re.compile(rf"CREATE EXTENSION (?:IF NOT EXISTS )?{_NAME} WITH SCHEMA (?P<schema>{_NAME})")
_ICU = re.compile(r"\bprovider = icu\b")
_LZ4_COLUMN = re.compile(r"ALTER COLUMN .* SET COMPRESSION lz4\b")
_PROPERTY = re.compile(
    r"\b(?P<key>ENCODING|LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|\w+_LOCALE) = ?'?(?P<value>[^';]+?)'?(?=[ ;]|$)"
)
_PROVIDERS = {"icu": "i", "builtin": "b"}


@dataclass(frozen=True, slots=True)
class Needs:
    """What is needed; `reader` is the first major version of pg_restore that knows the format, 0: any."""

    extensions: frozenset[str] = frozenset()
    icu: bool = False
    lz4_columns: bool = False
    codec: Codec = "none"
    reader: int = 0

    def server_lacks(self, server: Binaries) -> list[str]:
        """Return what these server programs lack, in words; what cannot be told is not held against them."""
        can = server.capabilities
        lacking = []
        if can.extensions and (missing := sorted(self.extensions - can.extensions)):
            lacking.append(
                f"the extensions {', '.join(missing)}" if len(missing) > 1 else f"the extension {missing[0]}"
            )
        if self.icu and can.icu is False:
            lacking.append("ICU, which collations of the archive are made with")
        if self.lz4_columns and can.lz4 is False:
            lacking.append("lz4, which columns of the archive are compressed with")
        return lacking

    def client_lacks(self, client: Binaries) -> str | None:
        """Return why these client programs cannot read the archive, None where they can."""
        if client.major < self.reader:
            return f"pg_restore {client.major} does not know the archive's format, which came with {self.reader}"
        can = client.capabilities
        if (self.codec == "lz4" and can.lz4 is False) or (self.codec == "zstd" and can.zstd is False):
            return f"pg_restore in {client.directory} was built without {self.codec}"
        return None


def needs_of(toc: Toc, extensions: Iterable[ExtensionInfo], provider: str = "c") -> Needs:
    """Return what a restore of an archive needs; `provider` is the one of its database's locale."""
    return Needs(
        extensions=frozenset(one.name for one in extensions),
        icu=provider == "i" or any(_ICU.search(item.definition) for item in toc.of_kind("COLLATION")),
        lz4_columns=any(_LZ4_COLUMN.search(item.definition) for item in toc.of_kind("TABLE", "MATERIALIZED VIEW")),
        codec=toc.header.codec,
        reader=toc.header.oldest_reader,
    )


def extensions_of(toc: Toc) -> tuple[ExtensionInfo, ...]:
    """Return the extensions that an archive asks for; it does not say in which versions, so those are empty."""
    found = []
    for item in toc.of_kind("EXTENSION"):
        schema = _IN_SCHEMA.match(item.definition)
        found.append(
            ExtensionInfo(name=item.name, schema_=_unquoted(schema["schema"]) if schema else "public", version="")
        )
    return tuple(sorted(found, key=lambda one: one.name))


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


@dataclass(frozen=True, slots=True)
class Database:
    """The database that an archive was taken from, in the words of a manifest, and its two classic locales."""

    source: SourceInfo
    collate: str
    ctype: str


def database_of(toc: Toc) -> Database:
    """Return what an archive says of its database; what it does not say is as PostgreSQL's own default."""
    created = next((item.definition for item in toc.of_kind("DATABASE")), "")
    # Names are quoted where they could be taken for a property, and a locale holds no quote.
    said = {found["key"]: found["value"] for found in _PROPERTY.finditer(re.sub(r'"(?:[^"]|"")+"', "", created))}
    provider = _PROVIDERS.get(said.get("LOCALE_PROVIDER", "libc"), "c")
    locale = said.get("LOCALE", "C")
    special = {"i": "ICU_LOCALE", "b": "BUILTIN_LOCALE"}.get(provider, "LOCALE")
    collate, ctype = said.get("LC_COLLATE", locale), said.get("LC_CTYPE", locale)
    source = SourceInfo(
        system_identifier="",
        timeline=0,
        lsn="",
        database=toc.header.database or "archive",
        version=toc.header.server_version,
        encoding=said.get("ENCODING", toc.encoding),
        locale=said.get(special, locale),
        provider=provider,
    )
    return Database(source, collate, ctype)
