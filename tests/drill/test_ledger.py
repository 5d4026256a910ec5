"""What counts against an archive: errors of the server's log, put into classes."""

from __future__ import annotations

from dbops.drill.ledger import Failure, judge
from dbops.drill.passes import Said


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
