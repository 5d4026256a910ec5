-- case: nothing is fixed, and everybody may call it
-- finds: public.total()
-- says: the caller decides where it looks up names
-- says: PUBLIC may call it, and row-level security does not apply to it
-- severity: warning
-- policy: [tenancy]
create function total() returns bigint language sql security definer as 'select 1::bigint';

-- case: nothing is fixed, for one caller
-- finds: public.total(wanted integer, "Of" text)
-- silent: PUBLIC
-- fix: alter routine public.total(wanted integer, "Of" text) set search_path = public, pg_temp;
-- policy: [tenancy]
create role dbops_case_app;
create function total(wanted int, "Of" text) returns bigint language sql security definer as 'select 1::bigint';
revoke all on function total from public;
grant execute on function total to dbops_case_app;

-- case: what it fixes begins with whoever calls
-- finds: other.total()
-- says: its search_path is "$user", other
-- fix: alter routine other.total() set search_path = other, pg_temp;
-- policy: [tenancy]
create role dbops_case_app;
create schema other;
create procedure other.total() language sql security definer set search_path = "$user", other as 'select 1';
revoke all on procedure other.total from public;
grant execute on procedure other.total to dbops_case_app;

-- case: temporary tables come first
-- finds: public.total()
-- severity: info
-- fix: alter routine public.total() set search_path = public, pg_temp;
-- policy: [tenancy]
create role dbops_case_app;
create function total() returns bigint language sql security definer set search_path = public as 'select 1::bigint';
revoke all on function total from public;
grant execute on function total to dbops_case_app;

-- case: fixed, but everybody may look across tenants
-- finds: public.total()
-- silent: looks up
-- fix: revoke execute on routine public.total() from public;
-- fix: grant execute on routine public.total() to dbops_case_app;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create function total() returns bigint language sql security definer set search_path = pg_catalog, pg_temp as 'select 1::bigint';

-- case: a trigger runs in the session of whoever writes
-- finds: public.noted()
-- silent: PUBLIC
-- policy: [tenancy]
create function noted() returns trigger language plpgsql security definer as 'begin return new; end';

-- case: with the rights of the caller
-- finds: 0
-- policy: [tenancy]
create function total() returns bigint language sql as 'select 1::bigint';

-- case: nobody speaks of tenants
-- finds: skip
create function total() returns bigint language sql security definer as 'select 1::bigint';

-- case (near miss): the lookup of a passkey
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_passkey bypassrls;
create table webauthn_credentials (org_id bigint not null, id bigint, credential_id bytea unique, primary key (org_id, id));
create function passkey_owner(presented bytea) returns bigint language sql stable security definer
    set search_path = pg_catalog, pg_temp
    as 'select org_id from public.webauthn_credentials where credential_id = presented';
alter function passkey_owner owner to dbops_case_passkey;
revoke all on function passkey_owner from public;
grant execute on function passkey_owner to dbops_case_app;

-- case (near miss): an empty path, and everybody may call what obeys the policies
-- finds: 0
-- policy: [tenancy]
create role dbops_case_owner;
create function total() returns bigint language sql security definer set search_path = '' as 'select 1::bigint';
alter function total owner to dbops_case_owner;

-- case (near miss): nobody but its owner may call it
-- finds: 0
-- policy: [tenancy]
create function total() returns bigint language sql security definer as 'select 1::bigint';
revoke all on function total from public;
