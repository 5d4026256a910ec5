-- case: twice the age at which autovacuum should have come
-- finds: dbops_cases
-- says: transactions since its oldest row that is not frozen, 23 % of what there is
-- silent: held back
-- severity: warning
update pg_database set datfrozenxid = ((pg_current_xact_id()::text::int8 + 4294967296 - 500000000) % 4294967296)::text::xid
 where datname = 'dbops_cases';

-- case: the tables that hold it back, of any schema
-- finds: dbops_cases
-- says: held back by pg_catalog.pg_proc, public.visit
-- silent: clinic
-- fix: vacuum (freeze) public.visit;
create table visit (id bigint primary key);
create table clinic (id bigint primary key);
create function pg_temp.before(n int8) returns xid language sql as
    'select ((pg_current_xact_id()::text::int8 + 4294967296 - n) % 4294967296)::text::xid';
update pg_database set datfrozenxid = pg_temp.before(500000000) where datname = 'dbops_cases';
update pg_class set relfrozenxid = pg_temp.before(500000000) where oid = 'pg_proc'::regclass;
update pg_class set relfrozenxid = pg_temp.before(450000000) where oid = 'visit'::regclass;
update pg_class set relfrozenxid = pg_temp.before(300000000) where oid = 'clinic'::regclass;

-- case: a forgotten temporary table, and a table that is old by what it stores out of line
-- finds: dbops_cases
-- says: (temporary)
-- says: public.visit
-- fix: drop table pg_temp
create table visit (id bigint primary key, note text);
create temporary table forgotten (id bigint);
create function pg_temp.before(n int8) returns xid language sql as
    'select ((pg_current_xact_id()::text::int8 + 4294967296 - n) % 4294967296)::text::xid';
update pg_database set datfrozenxid = pg_temp.before(500000000) where datname = 'dbops_cases';
update pg_class set relfrozenxid = pg_temp.before(500000000)
 where oid in ('pg_temp.forgotten'::regclass, (select reltoastrelid from pg_class where oid = 'visit'::regclass));

-- case: another database of the server, in earnest
-- finds: template1
-- says: an audit of that database tells
-- severity: error
update pg_database set datfrozenxid = ((pg_current_xact_id()::text::int8 + 4294967296 - 1700000000) % 4294967296)::text::xid
 where datname = 'template1';

-- case: multixacts
-- finds: dbops_cases
-- says: multixacts since
update pg_database set datminmxid = '3394967297' where datname = 'dbops_cases';

-- case: a young server
-- finds: 0
create table visit (id bigint primary key);

-- case (near miss): as old as autovacuum lets it become, and on the way back
-- finds: 0
create table visit (id bigint primary key);
create function pg_temp.before(n int8) returns xid language sql as
    'select ((pg_current_xact_id()::text::int8 + 4294967296 - n) % 4294967296)::text::xid';
update pg_database set datfrozenxid = pg_temp.before(390000000) where datname = 'dbops_cases';
update pg_class set relfrozenxid = pg_temp.before(390000000) where oid = 'visit'::regclass;
