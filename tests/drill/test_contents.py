"""Tables of contents and the text of grants, read without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbops.drill.contents import parse_listing, use_list
from dbops.drill.rights import split_rights

LISTING = """\
;
; Archive created at 2026-01-01 00:00:00 UTC
;     dbname: erp
;     TOC Entries: 14
;     Compression: gzip
;
; Selected TOC Entries:
;
7; 2615 16385 SCHEMA - app owner
2; 3079 16386 EXTENSION - hstore
3500; 0 0 COMMENT - EXTENSION hstore
215; 1259 16411 TABLE app customer owner
3400; 0 16411 TABLE DATA app customer owner
216; 1259 16412 TABLE DATA app owner
217; 1259 16413 MATERIALIZED VIEW app sums owner
3401; 0 16413 MATERIALIZED VIEW DATA app sums owner
3300; 3466 16500 EVENT TRIGGER - on_ddl owner
3501; 0 0 COMMENT - EVENT TRIGGER on_ddl owner
3502; 0 0 ACL - SCHEMA app owner
3503; 826 16600 DEFAULT ACL app DEFAULT PRIVILEGES FOR TABLES owner
3504; 0 0 ACL - LANGUAGE plpgsql owner
3505; 6100 16700 SUBSCRIPTION - sub owner
"""


def test_entries_are_known_by_their_kind_however_many_words_it_has() -> None:
    contents = parse_listing(LISTING)
    assert ["SCHEMA", "EXTENSION", "COMMENT", "TABLE", "TABLE DATA", "TABLE"] == [
        entry.kind for entry in contents.entries[:6]
    ]
    assert "gzip" == contents.header["Compression"]


def test_every_restored_entry_is_in_exactly_one_pass() -> None:
    contents = parse_listing(LISTING)
    passes = [contents.schemas(), contents.main(), contents.rights(), contents.materialized_views()]
    ids = [entry.dump_id for entries in passes for entry in entries]
    assert [7, 215, 3400, 216, 217, 3502, 3503, 3401] == ids


def test_what_is_left_out_is_counted_by_what_it_is() -> None:
    left = parse_listing(LISTING).left_out()
    assert 4 == sum(left.values())
    assert {"comments on and rights to event triggers", "comments on and rights to languages"} <= left.keys()
    assert not any("extension" in words for words in left)


def test_a_superuser_is_given_more_and_never_what_acts_on_others() -> None:
    contents = parse_listing(LISTING)
    left = replace(contents, mighty=True).left_out()
    assert "comments on and rights to languages" not in left
    assert "comments on and rights to event triggers" in left
    given = len(replace(contents, mighty=True).main()) + len(replace(contents, mighty=True).rights())
    assert given > len(contents.main()) + len(contents.rights())


def test_a_line_that_is_no_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="not an entry"):
        parse_listing("rm -rf /\n")


def test_a_use_list_names_entries_by_number_alone() -> None:
    assert "7;\n" == use_list(parse_listing(LISTING).schemas())


RIGHTS = b"""\
--
-- PostgreSQL database dump
--

\\restrict dNsRlyPl
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: TABLE t; Type: ACL; Schema: app; Owner: owner
--

GRANT SELECT ON TABLE app.t TO a WITH GRANT OPTION;
SET SESSION AUTHORIZATION "third; role";
GRANT SELECT ON TABLE app.t TO b;
RESET SESSION AUTHORIZATION;


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: app; Owner: owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA app GRANT SELECT ON TABLES TO "\xfcber";

\\unrestrict dNsRlyPl
"""


def test_grants_are_cut_at_their_headers_and_need_no_superuser() -> None:
    rights = split_rights(RIGHTS)
    assert b"set_config" in rights.preamble
    table, default = rights.statements
    assert b'SET ROLE "third; role";\nGRANT SELECT ON TABLE app.t TO b;\nRESET ROLE;' in table
    assert b'TO "\xfcber";' in default
    assert not any(b"restrict" in part for part in (rights.preamble, *rights.statements))
