from __future__ import annotations

import datetime as dt
import hashlib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.target import target_of
from dbops.errors import ConfigurationError, UsageError
from dbops.model import Location
from dbops.secrets import redact
from dbops.settings import Settings, load_settings, parse_duration, spell_duration
from dbops.settings.layers import variable_names
from dbops.settings.lines import lines_of, nearest_line
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Write = Callable[[str], Path]

CANARY = "Canary-51c0"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A working directory above which nothing is searched."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def write(here: Path) -> Write:
    def write_config(text: str) -> Path:
        path = here / "dbops.toml"
        path.write_text(text)
        return path

    return write_config


def load(cwd: Path, flags: Mapping[str, Any] | None = None, **environ: str) -> Settings:
    return load_settings(flags or {}, cwd=cwd, environ=environ)


def refusal(cwd: Path, flags: Mapping[str, Any] | None = None, **environ: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(cwd, flags, **environ)
    error = caught.value
    assert error.exit_code == 2
    assert error.hint
    assert error.__cause__ is None
    return error


def test_without_anything_every_setting_has_its_default(here: Path) -> None:
    settings = load(here)
    assert (settings.database_url, settings.service, settings.config_file, settings.sha256) == (None, None, None, None)
    assert (settings.log_dir, settings.backup_dir) == (here / "logs", here / "backups")
    objectives = settings.objectives
    assert [spell_duration(one) for one in (objectives.rpo, objectives.rto, objectives.drill_every)] == [
        "15m",
        "1h",
        "31d",
    ]
    assert objectives.allowances.total() is None
    assert settings.audit.fail_on is Severity.ERROR
    assert not settings.expect
    assert settings.tenancy is None
    assert settings.backup.keep_last is settings.backup.keep_for is None
    assert settings.origin("log_dir") == "default"


EVERYTHING = """
database_url = "postgresql://audit@db.example/erp"
service = "erp"
[objectives]
rpo = "5m"
rto = "1h30m"
drill_every = "7d"
allowances = { detect = "5m", decide = "10m", cutover = "0s" }
[audit]
packs = ["erp"]
select = ["fk-without-index"]
ignore = ["rls-disabled"]
fail_on = "warning"
[[audit.waive]]
rule = "no-primary-key"
object = "public.log_*"
reason = "append only"
owner = "dba"
expires = 2020-02-29
[[expect.index]]
id = "orders-open-queue"
group = "order workflow"
table = "public.orders"
columns = ["org_id", "status", "placed_at desc"]
unique = false
where = "status <> 'closed'"
include = []
method = "btree"
match = "prefix"
name = "ix_orders_open_queue"
reason = "the dispatch screen polls it"
severity = "error"
[[expect.constraint]]
id = "orders-customer"
table = "public.orders"
kind = "fk"
columns = ["customer_id"]
references = "public.customers"
[[expect.table]]
table = "public.orders"
rls = "forced"
owner_not = ["erp_app"]
[[expect.role]]
role = "erp_app"
superuser = false
bypassrls = false
owns = false
[[expect.query]]
id = "queue"
sql = "select 1"
no_seq_scan = ["public.orders"]
[backup]
dir = "dumps"
format = "directory"
jobs = 2
codec = "zstd"
recipients = ["age1x"]
keep_min = 2
keep_last = 7
keep_for = "30d"
[drill]
depth = "restore"
target_bindir = "/usr/lib/postgresql/15/bin"
digest = "auto"
[[drill.probe]]
name = "orders"
sql = "select count(*) from public.orders"
op = ">"
value = 0
[evidence]
key = "keys/ours.pem"
trust = "keys/theirs.pem"
log_dir = "kept"
[tenancy]
columns = ["org_id"]
setting = "app.org_id"
id_type = "int"
app_roles = ["erp_app"]
exempt = [{ table = "public.currencies", reason = "global" }]
[targets.warehouse]
service = "warehouse"
anything = { later = true }
"""


def test_every_table_of_the_contract_is_read(here: Path, write: Write) -> None:
    path = write(EVERYTHING)
    settings = load(here)
    assert settings.config_file == path
    assert settings.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert settings.objectives.allowances.total() == dt.timedelta(minutes=15)
    [waiver] = settings.audit.waive
    assert [waiver.expired(dt.date(2020, 2, day)) for day in (28, 29)] == [False, False]
    assert waiver.expired(dt.date(2020, 3, 1))
    [index] = settings.expect.index
    assert (index.columns, index.match, index.severity) == (("org_id", "status", "placed_at desc"), "prefix", "error")
    assert settings.expect.table[0].id == "public.orders"
    assert settings.expect.role[0].id == "erp_app"
    assert (settings.log_dir, settings.backup_dir) == (here / "kept", here / "dumps")
    assert (settings.evidence.key, settings.evidence.trust) == (here / "keys/ours.pem", (here / "keys/theirs.pem",))
    assert settings.drill.target_bindir == Path("/usr/lib/postgresql/15/bin")
    assert settings.drill.probe[0].value == 0
    assert settings.tenancy is not None
    assert settings.tenancy.exempt[0].reason == "global"
    assert settings.targets["warehouse"]["service"] == "warehouse"


def test_a_minimal_expectation_has_the_defaults_of_the_design(here: Path, write: Write) -> None:
    write('[[expect.index]]\nid = "a"\ntable = "t"\ncolumns = ["c"]\n')
    [index] = load(here).expect.index
    assert (index.unique, index.where, index.include, index.method, index.match) == (False, None, (), "btree", "exact")


def test_each_source_wins_over_those_below_it(here: Path, write: Write) -> None:
    write('[evidence]\nlog_dir = "file"\n')
    assert load(here).log_dir == here / "file"
    (here / ".env").write_text("DBOPS_LOG_DIR=dotenv\n")
    assert load(here).log_dir == here / "dotenv"
    assert load(here, DBOPS_LOG_DIR="variable").log_dir == here / "variable"
    settings = load(here, {"log_dir": Path("flag"), "unrelated": True}, DBOPS_LOG_DIR="variable")
    assert settings.log_dir == here / "flag"


def test_every_value_knows_where_it_came_from(here: Path, write: Write) -> None:
    write('[objectives]\nrpo = "5m"\nallowances = { detect = "1m" }\n[audit]\npacks = ["erp"]\n')
    (here / ".env").write_text("DBOPS_DRILL_DEPTH=schema\n")
    settings = load(here, {"backup_dir": "b"}, DBOPS_OBJECTIVES_RTO="30m", DATABASE_URL="postgresql://h/d")
    expected = {
        "objectives.rpo": "dbops.toml:2",
        "objectives.allowances.detect": "dbops.toml:3",
        "audit.packs": "dbops.toml:5",
        "drill.depth": "DBOPS_DRILL_DEPTH in .env",
        "objectives.rto": "DBOPS_OBJECTIVES_RTO",
        "database_url": "DATABASE_URL",
        "backup_dir": "--backup-dir",
        "backup.dir": "--backup-dir",
        "log_dir": "default",
    }
    assert {name: settings.origin(name) for name in expected} == expected


def test_every_setting_has_a_variable_and_lists_are_separated_by_commas(here: Path) -> None:
    values = {"audit.ignore": "a, b,", "backup.jobs": "4", "tenancy.columns": "tenant_id", "evidence.trust": "x,/y"}
    by_name = {name: variable for variable, (name, _) in variable_names(Settings).items()}
    settings = load(here, **{by_name[name]: value for name, value in values.items()})
    assert settings.audit.ignore == ("a", "b")
    assert settings.backup.jobs == 4
    assert settings.tenancy is not None
    assert settings.tenancy.columns == ("tenant_id",)
    assert settings.evidence.trust == (here / "x", Path("/y"))


def test_the_key_has_the_variable_that_the_contract_names(here: Path) -> None:
    assert load(here, DBOPS_EVIDENCE_KEY_FILE="k.pem").evidence.key == here / "k.pem"


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not(here: Path) -> None:
    assert "DBOPS_LOGDIR is no setting; did you mean DBOPS_LOG_DIR?" in refusal(here, DBOPS_LOGDIR="x").message
    load(here, DBOPS_SERVICE_HOST="10.0.0.1", DBOPS_PORT="tcp://10.0.0.1:80", DBOPS_DEBUG="1")


def test_empty_variables_count_as_unset(here: Path) -> None:
    assert load(here, DATABASE_URL="", PGSERVICE="", DBOPS_LOG_DIR="", DBOPS_CONFIG="").database_url is None


def test_the_configuration_is_found_upward_as_far_as_the_repository(here: Path, write: Write) -> None:
    path = write("")
    below = here / "a" / "b"
    below.mkdir(parents=True)
    settings = load(below)
    assert settings.config_file == path
    assert settings.log_dir == here / "logs"
    (below / ".git").touch()
    assert load(below).config_file is None
    assert load(below).log_dir == below / "logs"


def test_a_configuration_that_others_may_write_is_not_taken_unasked(here: Path, write: Write) -> None:
    path = write("")
    path.chmod(0o666)
    assert f"--config {path}" in (refusal(here).hint or "")
    assert load(here, {"config": path}).config_file == path


def test_a_configuration_planted_in_a_shared_directory_is_not_taken_unasked(here: Path, write: Write) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can plant a file of somebody else's")
    os.chown(write(""), 65534, 65534)
    assert load(here).config_file is not None
    here.chmod(0o1777)
    assert "not only you can have written it" in refusal(here).message


def test_a_configuration_is_named_by_flag_or_variable(here: Path, write: Write) -> None:
    write('[objectives]\nrpo = "1m"\n')
    other = here / "other.toml"
    other.write_text('[objectives]\nrpo = "2m"\n')
    assert load(here, DBOPS_CONFIG="other.toml").objectives.rpo == dt.timedelta(minutes=2)
    assert load_settings({}, cwd=here, environ={}, config=other).config_file == other
    assert load(here, {"config": "other.toml"}, DBOPS_CONFIG="dbops.toml").config_file == other


@pytest.mark.parametrize("name", [os.devnull, "pipe"])
def test_paths_beside_a_configuration_that_is_no_file_start_where_we_are(here: Path, name: str) -> None:
    """Nobody who says --config /dev/null means backups in /dev."""
    reading, writing = os.pipe()
    os.write(writing, b'[backup]\ndir = "kept"\n')
    os.close(writing)
    settings = load(here, {"config": name if name == os.devnull else f"/dev/fd/{reading}"})
    os.close(reading)
    assert here / "logs" == settings.log_dir
    assert here / ("backups" if name == os.devnull else "kept") == settings.backup_dir


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[objectives\n", "dbops.toml:1 is not TOML"),
        (b"\n\nrpo = 15m\n", "dbops.toml:3 is not TOML"),
        (b"a = 1\na = 2\n", "dbops.toml:2 is not TOML"),
        (b'a = """\n', "dbops.toml:2 is not TOML"),
        (b"# ok\n# \xff\n", "dbops.toml:2 is not UTF-8"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "dbops.toml is nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_its_line(here: Path, content: bytes, message: str) -> None:
    (here / "dbops.toml").write_bytes(content)
    assert message in refusal(here).message


def test_a_configuration_that_cannot_be_read_is_one_clear_error(here: Path) -> None:
    assert "absent.toml cannot be read: No such file" in refusal(here, {"config": "absent.toml"}).message
    (here / "dbops.toml").mkdir()
    assert "dbops.toml cannot be read: Is a directory" in refusal(here).message


def test_a_byte_order_mark_and_windows_line_ends_are_read(here: Path) -> None:
    (here / "dbops.toml").write_bytes('\ufeff[audit]\r\nfail_on = "info"\r\n'.encode())
    settings = load(here)
    assert (settings.audit.fail_on, settings.origin("audit.fail_on")) == (Severity.INFO, "dbops.toml:2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objectivs = 1\n", "dbops.toml:1: objectivs: unknown key; did you mean objectives?"),
        ("[objectives]\n\nrto = '5m'\nrpos = '5m'\n", "dbops.toml:4: objectives.rpos: unknown key; did you mean rpo?"),
        ("[audit]\nfail-on = 'error'\n", "dbops.toml:2: audit.fail-on: unknown key; did you mean fail_on?"),
        ("[[expect.index]]\nid='a'\ntable='t'\ncolums=['c']\n", "dbops.toml:4: expect.index.colums: unknown key"),
        ("[[expect.indexes]]\n", "dbops.toml:1: expect.indexes: unknown key; did you mean index?"),
        ("[expect]\nindex=[{id='a', tab='t', columns=['c']}]\n", "dbops.toml:2: expect.index.tab: unknown key"),
        ("[objectives]\nrpo = 15\n", "dbops.toml:2: objectives.rpo: needs a unit"),
        ("[objectives]\nrpo = '15'\n", "dbops.toml:2: objectives.rpo: is not a duration"),
        ("[objectives]\nrpo = '0s'\n", "dbops.toml:2: objectives.rpo: must be longer than nothing"),
        ("objectives = 5\n", "dbops.toml:1: objectives: "),
        ("evidence = 5\n", "dbops.toml:1: evidence: "),
        ("[audit]\npacks = 'erp'\n", "dbops.toml:2: audit.packs: must be a list, in brackets"),
        ("[audit]\nfail_on = 'fatal'\n", "dbops.toml:2: audit.fail_on: must be 'info', 'warning' or 'error'"),
        ("[backup]\nkeep_min = 0\n", "dbops.toml:2: backup.keep_min: must be greater than or equal to 1"),
        ("[[expect.index]]\nid='a'\ntable='t'\n", "dbops.toml:1: expect.index.columns: field required"),
        ("[[expect.index]]\nid='a'\ntable='t'\ncolumns=[]\n", "dbops.toml:4: expect.index.columns: list should have"),
        ("[[expect.constraint]]\nid='a'\ntable='t'\nkind='fk'\ncolumns=['c']\n", "needs references"),
        ("[[expect.constraint]]\nid='a'\ntable='t'\nkind='pk'\n", "a constraint of kind pk needs columns"),
        ("[[expect.constraint]]\nid='a'\ntable='t'\nkind='check'\n", "needs an expression, or columns"),
        (
            "[[expect.constraint]]\nid='a'\ntable='t'\nkind='pk'\ncolumns=['a','b']\nreferences_columns=['c']\n",
            "references_columns needs one for each of columns",
        ),
        ("[[expect.query]]\nid='a'\nsql='select 1'\n", "says nothing about the plan"),
        ("[[expect.table]]\ntable='t'\n", "says nothing about the table"),
        ("[[expect.role]]\nrole='r'\n", "says nothing about the role"),
        ("[[audit.waive]]\nrule='r'\nreason='r'\nowner='o'\nexpires='soon'\n", "dbops.toml:5: audit.waive.expires: "),
        ("[evidence]\nlog_dir = 5\n", "dbops.toml:2: evidence.log_dir: "),
        ("[tenancy]\ncolumns = []\n", "dbops.toml:2: tenancy.columns: list should have at least 1 item"),
        ("[tenancy]\nsetting = 'org_id'\n", "dbops.toml:2: tenancy.setting: must be the name of a custom setting"),
        ("[tenancy]\nsetting = 'app.x; y'\n", "dbops.toml:2: tenancy.setting: must be the name of a custom setting"),
        ("[drill]\ndepth = 'deep'\n", "dbops.toml:2: drill.depth: must be 'schema', 'restore' or 'pitr'"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line(here: Path, write: Write, text: str, message: str) -> None:
    write(text)
    error = refusal(here)
    assert isinstance(error, ConfigurationError)
    assert message in error.message


def test_a_wrong_value_is_blamed_on_the_source_it_came_from(here: Path, write: Write) -> None:
    write("[audit]\nfail_on = 'error'\n")
    (here / ".env").write_text("DBOPS_BACKUP_JOBS=many\n")
    message = refusal(here, DBOPS_AUDIT_FAIL_ON="x").message
    assert "DBOPS_AUDIT_FAIL_ON: audit.fail_on: must be" in message
    assert "DBOPS_BACKUP_JOBS in .env: backup.jobs: " in message


def test_many_errors_are_told_at_once_but_not_all(here: Path, write: Write) -> None:
    write("".join(f"unknown_{n} = 1\n" for n in range(3)) + "[backup]\njobs = 0\nkeep_min = 0\nkeep_last = 0\n")
    message = refusal(here).message
    assert message.splitlines()[-1] == "and 1 more"
    assert "dbops.toml:3: unknown_2: unknown key" in message
    assert "dbops.toml:5: backup.jobs: must be greater" in message


def test_two_expectations_with_one_id_are_named_with_both_lines(here: Path, write: Write) -> None:
    write("[[expect.index]]\nid='a'\ntable='t'\ncolumns=['c']\n[[expect.query]]\nid='a'\nsql='s'\nuses_index='i'\n")
    assert refusal(here).message == "two expectations have the id 'a': dbops.toml:1 and dbops.toml:5"


@pytest.mark.parametrize(
    "text",
    [
        f"database_url = 'postgresql://u:{CANARY}@h/d'\n",
        f"database_url = 'postgresql://u:{CANARY}/x?@h/d'\n",
        f"database_url = 'postgresql://u@h/d?password={CANARY}'\n",
        f"database_url = 'host=h password={CANARY}'\n",
        f"database_url = \"host=h password = '{CANARY}'\"\n",
        f"[targets.x]\ndatabase_url = 'postgresql://u:{CANARY}@h/d'\n",
        f"password = '{CANARY}'\n",
        f"[targets.x]\nPGPASSWORD = '{CANARY}'\n",
        f"[evidence]\nkey_passphrase = '{CANARY}'\n",
        f"[backup]\napi_key = '{CANARY}'\n",
        f"[backup.s3]\nsecret_access_key = '{CANARY}'\n",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(here: Path, write: Write, text: str) -> None:
    write(text)
    error = refusal(here)
    assert error.message.startswith(f"dbops.toml:{len(text.splitlines())}: ")
    assert CANARY not in f"{error!r} {error.message} {error.hint}"
    assert "PGPASSWORD" in (error.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        f"[audit]\nfail_on = '{CANARY}'\n",
        f"[objectives]\nrpo = '{CANARY}'\n",
        f"[backup]\njobs = '{CANARY}'\n",
        f"audit = '{CANARY}'\n",
        f"database_url = ['{CANARY}']\n",
        f"[[drill.probe]]\nname = 'x'\nsql = 's'\nvalue = ['{CANARY}']\n",
        f"[backup]\ndir = {CANARY}\n",
        f"database_url = 'postgresql://u:{CANARY}@h/d\n",
    ],
)
def test_no_error_shows_a_value(here: Path, write: Write, text: str) -> None:
    write(text)
    error = refusal(here)
    assert CANARY not in f"{error!r} {error.message} {error.hint}"


def test_secrets_of_the_environment_are_known_to_the_redactor_and_not_in_the_repr(here: Path) -> None:
    (here / ".env").write_text("DATABASE_URL=postgresql://u:from-dotenv-77@h/d\nPGPASSWORD=other-dotenv-88\n")
    settings = load(
        here, {"database_url": "postgresql://u:from-flag-99@h/d"}, DBOPS_DATABASE_URL="postgresql://u:var-66@h"
    )
    for secret in ("from-dotenv-77", "other-dotenv-88", "from-flag-99", "var-66"):
        assert secret not in repr(settings)
        assert secret not in redact(f"it was {secret}")


def test_only_our_names_are_taken_from_a_dotenv_file(here: Path) -> None:
    (here / ".env").write_text(
        "# comment\n"
        "SECRET_KEY = x\nnot an assignment\n"
        'DB_PASSWORD="it\'s"   # trailing\n'
        "export DB_HOST='db'\n"
        "DATABASE_URL=postgresql://u:${DB_PASSWORD}@${DB_HOST}:${DB_PORT:-5433}/d${NOTHING}  # the database\n"
        "PGSSLMODE=require\n"
        "PGUSER='$literal ${DB_HOST}'\n"
        "PGAPPNAME=\n"
    )
    settings = load(here)
    assert dict(settings.dotenv) == {
        "DATABASE_URL": "postgresql://u:it's@db:5433/d",
        "PGSSLMODE": "require",
        "PGUSER": "$literal ${DB_HOST}",
    }
    assert settings.origin("database_url") == "DATABASE_URL in .env"


def test_an_unreadable_dotenv_file_is_one_clear_error(here: Path) -> None:
    (here / ".env").write_bytes(b"A=\xff")
    assert ".env cannot be read: it is not UTF-8" in refusal(here).message


def test_the_dotenv_file_beside_the_configuration_is_used_from_below(here: Path, write: Write) -> None:
    write("")
    (here / ".env").write_text("PGHOST=db\n")
    (here / "below").mkdir()
    assert dict(load(here / "below").dotenv) == {"PGHOST": "db"}


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({"database_url": "postgresql://u@flag/d"}, {"DATABASE_URL": "postgresql://u@env/d"}, "u@flag:5432/d"),
        ({}, {"DBOPS_DATABASE_URL": "postgresql://u@own/d", "DATABASE_URL": "postgresql://u@env/d"}, "u@own:5432/d"),
        ({}, {"DATABASE_URL": "postgresql://u@env/d", "PGHOST": "pg"}, "u@env:5432/d"),
        ({}, {"DATABASE_URL": "postgresql://u@env/d", "PGSERVICE": "absent"}, "u@env:5432/d"),
        ({}, {}, "u@file:5432/d"),
        ({}, {"PGHOST": "pg", "PGUSER": "me"}, "me@pg:5432/d"),
        ({"service": "erp"}, {"DATABASE_URL": "postgresql://u@env/d"}, "s@service:5432/d"),
        ({}, {"PGSERVICE": "erp"}, "s@service:5432/d"),
        ({}, {"DBOPS_SERVICE": "erp", "DATABASE_URL": "postgresql://u@env/d"}, "s@service:5432/d"),
    ],
)
def test_the_source_that_ranks_highest_names_the_target(
    here: Path, write: Write, flags: Mapping[str, str], environ: dict[str, str], expected: str
) -> None:
    write("database_url = 'postgresql://u@file/d'\n")
    services = here / "services"
    services.write_text("[erp]\nhost=service\nuser=s\ndbname=d\n")
    assert target_of(load(here, flags, PGSERVICEFILE=str(services), **environ)).describe() == expected


def test_a_url_and_a_service_as_flags_contradict_each_other(here: Path) -> None:
    error = refusal(here, {"database_url": "postgresql://h/d", "service": "x"})
    assert "--database-url and --service" in error.message


def test_an_empty_url_is_not_taken_for_none(here: Path) -> None:
    with pytest.raises(UsageError, match="--database-url is empty"):
        target_of(load(here, {"database_url": ""}))


def test_variables_of_dotenv_fill_in_and_are_named_as_such(here: Path, write: Write) -> None:
    write("database_url = 'postgresql://file/d'\n")
    (here / ".env").write_text(f"PGPASSWORD={CANARY}\nPGUSER=u\n")
    target = target_of(load(here))
    assert target.password == CANARY
    assert "user u (PGUSER in .env), password (PGPASSWORD in .env)" in target.provenance()


def test_elements_are_located_by_their_header(here: Path, write: Write) -> None:
    write(EVERYTHING + '[[expect.index]]\nid = "b"\ntable = "t"\ncolumns = ["c"]\n')
    settings = load(here)
    lines = (here / "dbops.toml").read_text().splitlines()
    headers = [number for number, line in enumerate(lines, start=1) if line == "[[expect.index]]"]
    assert [settings.locate("expect.index", n) for n in (0, 1)] == [
        Location(file="dbops.toml", line=n) for n in headers
    ]
    assert settings.locate("expect.index", 2) is None
    assert settings.locate_key("audit.packs") == Location(file="dbops.toml", line=lines.index('packs = ["erp"]') + 1)
    assert settings.locate_key("audit.nothing") is None
    assert load(here, {"config": "/dev/null"}).locate("expect.index", 0) is None


HARD_TO_READ = '''
# [[expect.index]]
title = "a # not a comment [x]" # a comment with "quotes' and ]
"quoted.key" = 1
a.b."c.d" = """
[[expect.index]]
x = 1 \\"""
""""
raw = \'\'\'
[table]
'' \'\'\'
list = [
  1, # ]
  "]",
  [2, { x = "}" }],
]
[ outer . "in.ner" ]
k = { x = 1, y = [1, 2] }
when = 2020-01-01T00:00:00Z
[[array]]
[array.sub]
one = 1
[[array.nested]]
n = 1
[[array.nested]]
n = 2
[[array]]
name = 'second'
  [[array.nested]]
  n = 3
'''


def test_lines_are_found_in_a_file_that_is_hard_to_read() -> None:
    tomllib.loads(HARD_TO_READ)
    text = HARD_TO_READ.splitlines()
    lines = lines_of(HARD_TO_READ)
    expected = {
        ("title",): 'title = "a',
        ("quoted.key",): '"quoted.key"',
        ("a", "b", "c.d"): "a.b.",
        ("raw",): "raw",
        ("list",): "list",
        ("outer", "in.ner"): "[ outer",
        ("outer", "in.ner", "k"): "k =",
        ("outer", "in.ner", "when"): "when",
        ("array", 0, "sub", "one"): "one",
        ("array", 0, "nested", 1, "n"): "n = 2",
        ("array", 1): "[[array]]",
        ("array", 1, "name"): "name",
        ("array", 1, "nested", 0, "n"): "  n = 3",
    }
    assert {where: text[lines[where] - 1].startswith(start) for where, start in expected.items()} == dict.fromkeys(
        expected, True
    )
    assert lines["array", 1] == text.index("name = 'second'")
    assert nearest_line(lines, ("outer", "in.ner", "k", "y", 1)) == lines["outer", "in.ner", "k"]
    assert ("expect", "index") not in lines
    assert ("table",) not in lines


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("31d", 31 * 86400), ("2w", 14 * 86400), ("1d 2h", 93600), ("0s", 0)],
)
def test_durations_are_read_and_spelled(text: str, seconds: int) -> None:
    duration = parse_duration(text)
    assert duration == dt.timedelta(seconds=seconds)
    assert parse_duration(spell_duration(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "15", "m", "15 minutes", "1m1h", "-1m", "1.5h", "\u0661m", "1m\n1", "9999999d", "1e3s"]
)
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError):
        Settings().audit = None  # type: ignore[assignment, misc]


@pytest.mark.parametrize(
    ("flags", "environ"),
    [({"log_dir": Path("~nobody-here/logs")}, {}), ({}, {"DBOPS_CONFIG": "~nobody-here/dbops.toml"})],
)
def test_a_home_that_nobody_knows_is_refused(here: Path, flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    assert "~nobody-here" in refusal(here, flags, **environ).message
