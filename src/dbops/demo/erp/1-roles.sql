-- The roles of the demo ERP. Roles belong to the whole cluster, so a second database finds them already there.
--   erp_owner    owns every object and nobody signs in as it: migrations switch to it
--   erp_app      what the application signs in as; sees one tenant at a time, never more
--   erp_passkey  owns one function, the passkey lookup that must run before the tenant is known
--   erp_backup   takes the backups; BYPASSRLS, because a dump that obeys the policies is a dump with rows missing, and
--                REPLICATION for base backups
--   dbops_audit  runs the audit; statistics and sequence positions, no rows
do $roles$
declare
    wanted record;
begin
    for wanted in
        select role_name, attributes
        from (values
            ('erp_owner', 'nologin'),
            ('erp_app', 'login'),
            ('erp_passkey', 'nologin bypassrls'),
            ('erp_backup', 'login bypassrls replication'),
            ('dbops_audit', 'login')
        ) as wanted_roles (role_name, attributes)
        order by role_name
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted.role_name) then
            execute pg_catalog.format('create role %I %s', wanted.role_name, wanted.attributes);
        end if;
    end loop;
end
$roles$;

grant pg_monitor to erp_backup, dbops_audit;

alter schema public owner to erp_owner;
revoke all on schema public from public;
grant usage on schema public to erp_app, erp_passkey, erp_backup, dbops_audit;
