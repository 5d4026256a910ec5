"""What counts against an archive: errors of the server's log, put into classes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbops.drill.ledger import Failure, judge
from dbops.drill.passes import Said
from dbops.errors import UnavailableError


def _failure(state: str, message: str, statement: str = "") -> Failure:
    return Failure(state, message, statement, "restore/pre-data")


LEAKPROOF = _failure(
    "42501", "only superuser can define a leakproof function", 'CREATE FUNCTION app."f x"(a integer) RETURNS integer'
)


def test_what_only_a_superuser_can_make_is_explained_and_so_is_what_follows_from_it() -> None:
    follower = _failure(
        "42883", 'function app."f x"(integer) does not exist', 'ALTER FUNCTION app."f x"(a integer) OWNER TO o'
    )
    ledger = judge([follower, LEAKPROOF], [])
    assert ([], [LEAKPROOF], [follower]) == (ledger.genuine, ledger.superuser_only, ledger.followers)
    assert ['function app."f x": only superuser can define a leakproof function (superuser only)'] == (
        ledger.not_restored()
    )


def test_a_missing_object_that_follows_from_nothing_is_genuine() -> None:
    lost = _failure("42P01", 'relation "public.elsewhere" does not exist', "CREATE INDEX i ON public.t (f(a))")
    assert [lost] == judge([LEAKPROOF, lost], []).genuine


def test_another_refusal_is_genuine() -> None:
    refused = _failure("42501", "permission denied for schema app", "CREATE TABLE app.t ()")
    assert [refused] == judge([refused], []).genuine


def test_a_known_refusal_under_another_state_is_genuine() -> None:
    raised = _failure("P0001", "only superuser can define a leakproof function")
    assert [raised] == judge([raised], []).genuine


def test_a_line_of_pg_restore_without_a_partner_is_genuine() -> None:
    broken = _failure("23514", 'new row for relation "t" violates check constraint "c"')
    paired = 'COPY failed for table "t": ERROR:  new row for relation "t" violates check constraint "c"'
    said = Said("restore/data", 1, (paired, "could not read from input file: end of file"))
    assert ["23514", "-----"] == [one.state for one in judge([broken], [said]).genuine]


def test_sessions_that_dbops_ended_are_noise_but_do_not_excuse_pg_restore() -> None:
    ended = _failure("57P01", "terminating connection due to administrator command")
    said = Said("restore/data", 1, ("could not execute query: FATAL:  " + ended.message,))
    assert ([], 1) == (judge([ended], []).genuine, judge([ended], []).noise)
    assert 1 == len(judge([ended], [said]).genuine)


def test_a_pg_restore_that_failed_in_silence_or_crashed_is_genuine() -> None:
    for exit_code in (1, -11):
        assert 1 == len(judge([], [Said("restore/data", exit_code, ())]).genuine)


def test_words_about_a_bad_value_do_not_quote_it() -> None:
    failure = _failure("22P02", 'invalid input syntax for type integer: "4111 1111 1111 1111"')
    assert "22P02 invalid input syntax for type integer" == failure.words()


NO_LOCALE = _failure(
    "22023", 'could not create locale "de_DE.utf8": No such file or directory', "CREATE COLLATION a.de"
)


def test_what_the_target_lacks_is_no_verdict_and_neither_is_what_follows_from_it() -> None:
    table = _failure("42704", 'collation "a.de" for encoding "UTF8" does not exist', "CREATE TABLE a.t (c text)")
    index = _failure("42P01", 'relation "a.t" does not exist', "CREATE INDEX i ON a.t USING btree (c)")
    ledger = judge([NO_LOCALE, table, index], [])
    assert ([], [NO_LOCALE, table, index]) == (ledger.genuine, ledger.of_target)
    with pytest.raises(UnavailableError, match="could not create locale"):
        ledger.refuse_to_judge()


def test_damage_is_a_verdict_whatever_the_target_lacks() -> None:
    broken = _failure("23505", 'could not create unique index "u"', "CREATE UNIQUE INDEX u ON a.other USING btree (i)")
    ledger = judge([NO_LOCALE, broken], [])
    ledger.refuse_to_judge()
    assert [broken] == ledger.genuine


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("53100", 'could not extend file "base/1/2": No space left on device'),
        ("53200", "out of shared memory"),
        ("0A000", "ICU is not supported in this build"),
        ("0A000", "compression method lz4 not supported"),
        ("F0000", 'could not open dictionary file "/usr/share/x.dict": No such file or directory'),
        ("F0000", 'could not open stop-word file "/usr/share/x.stop": No such file or directory'),
    ],
)
def test_a_target_that_ran_out_or_was_not_built_for_it_is_no_verdict(state: str, message: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        judge([_failure(state, message)], []).refuse_to_judge()
    assert "--target-bindir" in (caught.value.hint or "")


def test_a_full_disk_is_no_verdict_even_where_pg_restore_lost_its_server_by_it() -> None:
    full = _failure("53100", "could not write to file: No space left on device")
    said = Said("restore/data", 1, ("could not execute query: server closed the connection unexpectedly",))
    with pytest.raises(UnavailableError):
        judge([full], [said]).refuse_to_judge()


def test_a_view_that_only_came_back_on_the_second_attempt_is_plainly_not_restored() -> None:
    refused = Failure(
        "42501",
        'query would be affected by row-level security policy for table "t"',
        "REFRESH MATERIALIZED VIEW public.v;",
        "restore/materialized views",
    )
    trial = Said("restore/materialized views", 1, ("could not execute query: ERROR:  " + refused.message,), trial=True)
    ledger = judge([refused], [trial, Said("restore/materialized views, as their owners", 0, ())])
    assert ([], [refused]) == (ledger.genuine, ledger.plain)
    # Without a second attempt it is what it looks like, and so is anything else under that name.
    assert [refused] == judge([refused], []).genuine
    other = replace(refused, statement="COPY public.t FROM stdin;")
    assert [other] == judge([other], [trial]).genuine


@pytest.mark.parametrize(
    ("state", "statement", "ours"),
    [
        ("42501", "GRANT ALL ON FUNCTION pg_catalog.pg_read_file(text) TO monitor;", False),
        ("42501", "GRANT ALL ON FOREIGN DATA WRAPPER postgres_fdw TO app;", False),
        ("42501", 'REVOKE ALL ON FUNCTION public."odd ON name"(text) FROM PUBLIC;', False),
        # Another version of the extension has it with other arguments.
        ("42883", "GRANT ALL ON FUNCTION public.pg_stat_statements_reset(oid) TO monitor;", False),
        ("42501", "GRANT SELECT ON TABLE app.t TO reader;", True),
        ("42883", "GRANT ALL ON FUNCTION app.lost(oid) TO monitor;", True),
        ("23505", "GRANT ALL ON FOREIGN DATA WRAPPER postgres_fdw TO app;", True),
        ("42501", "CREATE TABLE public.postgres_fdw ();", True),
    ],
)
def test_rights_to_what_belongs_to_an_extension_or_to_postgresql_are_not_an_archives(
    state: str, statement: str, *, ours: bool
) -> None:
    members = {"postgres_fdw", "odd ON name", "pg_stat_statements_reset"}
    one = _failure(state, "refused", statement)
    ledger = judge([one], [], members)
    assert ([one] if ours else []) == ledger.genuine
    assert ([] if ours else [one]) == ledger.rights
    assert ours is (ledger.not_restored() == [])
