"""The roles that an archive names without bringing them along: owners, and whom its grants and policies are about.

An archive holds one database, and roles belong to the cluster. Where nothing was recorded beside it, they are read from
its table of contents and made anew, without any right of their own. What they were allowed to do is not known; so that
materialized views can be computed, all may read, and who looks like a superuser is held to be one. Rules, in order:

1. An owner is a field of an entry, and taken as it is.
2. In the text of grants and policies a name follows TO, FROM, ROLE or AUTHORIZATION; those words are reserved, so that
   outside of quotes they are nothing else.
3. PUBLIC is nobody, and `pg_…` are there already.

What this does not do: run any of that text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.backup.roles import Role, Roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.backup.toc import Item, Toc

# A quoted name, a word, or any other character.
_TOKEN = re.compile(r'"(?:[^"]|"")+"|\'(?:[^\']|\'\')*\'|[^\W\d][\w$]*|\S')
_BEFORE_A_NAME = frozenset({"TO", "FROM", "ROLE", "AUTHORIZATION"})
# After these a policy speaks about rows, in anybody's words.
_END_OF_NAMES = frozenset({"USING", "WITH"})
_USUAL_SUPERUSER = "postgres"


def strangers(toc: Toc) -> Roles:
    """Return the roles that a table of contents names."""
    owner = next((item.owner for item in toc.of_kind("DATABASE")), "")
    names = {item.owner for item in toc.items} | {name for item in toc.items for name in _named_in(item)}
    return Roles(
        database_owner=owner,
        roles=tuple(_role(name, owner) for name in sorted(names) if name and not name.startswith("pg_")),
        memberships=(),
        settings=(),
        database_acl=(),
    )


def _role(name: str, database_owner: str) -> Role:
    mighty = name in {_USUAL_SUPERUSER, database_owner}
    return Role(
        name=name,
        superuser=mighty,
        inherit=True,
        create_role=False,
        create_db=False,
        login=False,
        replication=False,
        bypass_rls=mighty,
    )


def _named_in(item: Item) -> Iterator[str]:
    if item.kind in {"ACL", "DEFAULT ACL"}:
        yield from _grantees(item.definition)
    elif item.kind == "POLICY":
        yield from _of_policy(item.definition)


def _grantees(text: str) -> Iterator[str]:
    before = ""
    for word in _TOKEN.findall(text):
        if before in _BEFORE_A_NAME and (name := _name(word)):
            yield name
        before = word


def _of_policy(text: str) -> Iterator[str]:
    """Yield the names between the first TO outside of quotes and what the policy says of rows."""
    words = iter(_TOKEN.findall(text))
    if not any(word == "TO" for word in words):
        return
    for word in words:
        if word in _END_OF_NAMES or word == ";":
            return
        if name := _name(word):
            yield name


def _name(word: str) -> str | None:
    """Return the role that a word names; None for PUBLIC and for what is no name."""
    if word.startswith('"'):
        return word[1:-1].replace('""', '"')
    return word if (word[0].isalpha() or word[0] == "_") and word != "PUBLIC" else None
