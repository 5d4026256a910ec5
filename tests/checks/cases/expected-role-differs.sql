-- case: a role that passes by row-level security itself
-- finds: dbops_case_app
-- says: has BYPASSRLS, so row-level security does not apply to it (expectation app)
-- fix: alter role dbops_case_app nobypassrls;
-- policy: [[expect.role]]
-- policy: id = "app"
-- policy: role = "dbops_case_app"
-- policy: superuser = false
-- policy: bypassrls = false
create role dbops_case_app bypassrls;

-- case: a superuser, said once
-- finds: dbops_case_app
-- says: is a superuser (expectation dbops_case_app)
-- silent: BYPASSRLS
-- silent: owner
-- fix: alter role dbops_case_app nosuperuser;
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: superuser = false
-- policy: bypassrls = false
-- policy: owns = false
create role dbops_case_app superuser;

-- case: a member of a role with BYPASSRLS
-- finds: dbops_case_app
-- says: can become dbops_case_dump, which has BYPASSRLS, as a member of dbops_case_dump
-- fix: revoke dbops_case_dump from dbops_case_app
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: bypassrls = false
create role dbops_case_app;
create role dbops_case_dump bypassrls;
grant dbops_case_dump to dbops_case_app;

-- case: a superuser at the end of two memberships
-- finds: dbops_case_app
-- says: can become the superuser dbops_case_dba, as a member of dbops_case_ops, which is a member of dbops_case_dba
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: superuser = false
create role dbops_case_app noinherit;
create role dbops_case_ops noinherit;
create role dbops_case_dba superuser;
grant dbops_case_ops to dbops_case_app;
grant dbops_case_dba to dbops_case_ops;

-- case: the application owns its tables
-- finds: dbops_case_app
-- says: owns public.billing, public.clinic, public.room and 1 more
-- silent: listing
-- fix: alter table public.visit owner to dbops_case_owner;
-- fix: grant select, insert, update, delete on public.visit to dbops_case_app;
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: owns = false
create role dbops_case_app;
create role dbops_case_owner;
create table other (id int primary key);
create table clinic (id int primary key);
create table billing (id int primary key);
create table room (id int primary key);
create table visit (id int primary key);
create view listing as select 1 as one;
alter table other owner to dbops_case_owner;
alter table clinic owner to dbops_case_app;
alter table billing owner to dbops_case_app;
alter table room owner to dbops_case_app;
alter table visit owner to dbops_case_app;
alter view listing owner to dbops_case_app;

-- case: the application is a member of the owner
-- finds: dbops_case_app
-- says: has the rights of dbops_case_owner, who owns public.visit, as a member of dbops_case_owner
-- fix: revoke dbops_case_owner from dbops_case_app
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: owns = false
create role dbops_case_app;
create role dbops_case_owner;
grant dbops_case_owner to dbops_case_app;
create table visit (id int primary key);
alter table visit owner to dbops_case_owner;

-- case: powers that are missing
-- finds: dbops_case_backup
-- says: dumps: has no BYPASSRLS; has an owner's rights on no table
-- policy: [[expect.role]]
-- policy: role = "dbops_case_backup"
-- policy: group = "dumps"
-- policy: bypassrls = true
-- policy: owns = true
create role dbops_case_backup;
create table visit (id int primary key);

-- case: a role that is not there
-- finds: "Nobody"
-- says: the role does not exist
-- policy: [[expect.role]]
-- policy: role = '"Nobody"'
-- policy: superuser = false
create table visit (id int primary key);

-- case: SET ROLE is what counts for attributes, from 16 on
-- finds: dbops_case_app
-- says: can become dbops_case_dump
-- fix: revoke dbops_case_dump from dbops_case_app granted by
-- server: 16
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: bypassrls = false
create role dbops_case_app;
create role dbops_case_dump bypassrls;
grant dbops_case_dump to dbops_case_app with inherit false, set true;

-- case: nothing is declared
-- finds: skip
create table visit (id int primary key);

-- case: nothing about roles is declared
-- finds: 0
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: owner_not = ["postgres"]
create table visit (id int primary key);

-- case: as declared
-- finds: 0
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: superuser = false
-- policy: bypassrls = false
-- policy: owns = false
-- policy: [[expect.role]]
-- policy: role = "dbops_case_backup"
-- policy: superuser = false
-- policy: bypassrls = true
-- policy: [[expect.role]]
-- policy: role = "Dbops_Case_Owner"
-- policy: owns = true
create role dbops_case_app;
create role dbops_case_backup bypassrls;
create role dbops_case_owner;
create table visit (id int primary key);
alter table visit owner to dbops_case_owner;

-- case (near miss): others may become it, it may become nobody
-- finds: 0
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: superuser = false
-- policy: bypassrls = false
-- policy: owns = false
create role dbops_case_app;
create role dbops_case_owner;
create role dbops_case_dump bypassrls;
grant dbops_case_app to dbops_case_owner, dbops_case_dump;
create table visit (id int primary key);
alter table visit owner to dbops_case_owner;

-- case (near miss): a member who neither inherits nor may SET ROLE, from 16 on
-- finds: 0
-- server: 16
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: bypassrls = false
-- policy: owns = false
create role dbops_case_app;
create role dbops_case_dump bypassrls;
grant dbops_case_dump to dbops_case_app with inherit false, set false;
create table visit (id int primary key);
alter table visit owner to dbops_case_dump;

-- case (near miss): a view owned by the application has rows of others only
-- finds: 0
-- policy: [[expect.role]]
-- policy: role = "dbops_case_app"
-- policy: owns = false
create role dbops_case_app;
create view listing as select 1 as one;
alter view listing owner to dbops_case_app;
