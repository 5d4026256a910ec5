-- rule: dump-role-sees-partial-data
-- object: erp_export
-- plants: a second backup role was made like the first, but for BYPASSRLS
-- Roles belong to the whole cluster, so it may be there already, and even mended. Tables to come are granted to it too.
do $role$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'erp_export') then
        create role erp_export login;
    end if;
    alter role erp_export nobypassrls;
end
$role$;
grant usage on schema public to erp_export;
grant select on all tables in schema public to erp_export;
alter default privileges for role erp_owner in schema public grant select on tables to erp_export;
