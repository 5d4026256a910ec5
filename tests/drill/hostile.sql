-- Code in every place where a restore runs code. It does nothing at the source (its cluster_name says so); on a copy it
-- tries to run a program, to read and write files and to become somebody else. DIRECTORY is where it leaves its mark.
create schema evil;

create function evil.strike(place text) returns int language plpgsql volatile as $body$
begin
    if current_setting('cluster_name') = 'source' then
        return 1;
    end if;
    begin
        execute 'reset session authorization';
    exception when others then null;
    end;
    begin
        execute 'reset role';
    exception when others then null;
    end;
    begin
        execute format('copy (select 1) to program %L', 'touch DIRECTORY/program-' || place);
    exception when others then null;
    end;
    begin
        execute format('copy (select 1) to %L', 'DIRECTORY/file-' || place);
    exception when others then null;
    end;
    begin
        perform lo_export(lo_from_bytea(0, 'x'), 'DIRECTORY/lo-' || place);
    exception when others then null;
    end;
    begin
        execute 'alter role current_user superuser';
    exception when others then null;
    end;
    begin
        execute 'create role sneaked superuser';
    exception when others then null;
    end;
    begin
        execute 'grant pg_execute_server_program to current_user';
    exception when others then null;
    end;
    begin
        execute format('alter database %I set role to %L', current_database(), current_user);
        execute format('alter database %I set search_path to evil', current_database());
    exception when others then null;
    end;
    begin
        execute 'alter system set archive_command to ''touch DIRECTORY/archive''';
    exception when others then null;
    end;
    return 1;
end
$body$;

create function evil.quietly(place text, n int) returns int language plpgsql immutable as
    'begin perform evil.strike(place); return n; end';
create function evil.agreed(place text) returns boolean language plpgsql immutable as
    'begin perform evil.strike(place); return true; end';

create materialized view evil.mv as select evil.strike('matview') as n;
create view evil.inner_view as select evil.strike('view-in-matview') as n;
create materialized view evil.mv_on_view as select * from evil.inner_view;

create domain evil.checked as int check (evil.agreed('domain'));
create table evil.t (
    id int primary key,
    n int default evil.quietly('default', 1),
    checked evil.checked,
    generated int generated always as (evil.quietly('generated', id)) stored,
    check (evil.agreed('check'))
);
insert into evil.t (id, checked) select i, i from generate_series(1, 20) as i;
create index expression on evil.t (evil.quietly('index', id));
create index predicate on evil.t (id) where evil.agreed('predicate');
create statistics evil.stx on (evil.quietly('statistics', id)), n from evil.t;

create table evil.parts (id int) partition by list ((evil.quietly('partition-key', id)));
create table evil.part_1 partition of evil.parts for values in (1);
create table evil.part_rest partition of evil.parts default;
insert into evil.parts select generate_series(1, 3);

create function evil.on_row() returns trigger language plpgsql as
    'begin perform evil.strike(''trigger''); return new; end';
create trigger always before insert on evil.t for each row execute function evil.on_row();
alter table evil.t enable always trigger always;
create rule quiet as on insert to evil.parts do also select evil.strike('rule');

create function evil.on_command() returns event_trigger language plpgsql as
    'begin perform evil.strike(''event-trigger''); end';
create event trigger on_command on ddl_command_end execute function evil.on_command();

alter table evil.t enable row level security;
alter table evil.t force row level security;
create policy p on evil.t using (evil.agreed('policy'));
