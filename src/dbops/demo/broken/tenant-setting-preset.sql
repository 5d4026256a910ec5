-- rule: tenant-setting-preset
-- object: erp_app
-- plants: every session of the application begins as tenant 1
do $preset$
begin
    execute pg_catalog.format(
        'alter role erp_app in database %I set app.org_id = ''1''', pg_catalog.current_database());
end
$preset$;
