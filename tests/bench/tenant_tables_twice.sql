-- Every tenant table of the demo ERP once more, with its rows, under a policy of its own.
do $twice$
declare
    one record;
begin
    for one in
        select c.relname as name, 'second_' || c.relname as copied
        from pg_catalog.pg_class as c
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attname = 'org_id'
        where c.relnamespace = 'public'::pg_catalog.regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        order by c.relname
    loop
        execute pg_catalog.format('create table public.%I (like public.%I including all)', one.copied, one.name);
        execute pg_catalog.format(
            'insert into public.%I overriding system value select * from public.%I', one.copied, one.name
        );
        execute pg_catalog.format(
            'alter table public.%1$I owner to erp_owner;'
            'alter table public.%1$I enable row level security, force row level security;'
            'create policy own on public.%1$I'
            ' using (org_id = (select nullif(current_setting(''app.org_id'', true), '''')::bigint));'
            'grant select, insert, update, delete on public.%1$I to erp_app; analyze public.%1$I',
            one.copied
        );
    end loop;
end
$twice$
