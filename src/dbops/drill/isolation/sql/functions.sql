-- Functions that look with the eyes of their owner and that a role may call. `required`: the arguments that have to be
-- given, by name and type.
select
    p.oid::bigint as oid,
    n.nspname::text as schema,
    p.proname::text as name,
    pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments,
    p.prokind <> 'f' or p.prorettype in ('pg_catalog.trigger'::pg_catalog.regtype,
        'pg_catalog.event_trigger'::pg_catalog.regtype) as uncallable,
    (
        select coalesce(
            pg_catalog.json_agg(
                pg_catalog.json_build_object(
                    'name', coalesce(p.proargnames[given.place], ''),
                    'type', pg_catalog.format_type(given.type, null)
                )
                order by given.place
            ),
            '[]'
        )
        from pg_catalog.unnest(p.proargtypes::oid[]) with ordinality as given (type, place)
        where given.place <= p.pronargs - p.pronargdefaults
    ) as required
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where p.prosecdef
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and pg_catalog.has_schema_privilege(%(role)s::name, n.oid, 'usage')
    and pg_catalog.has_function_privilege(%(role)s::name, p.oid, 'execute')
    and not pg_catalog.pg_has_role(%(role)s::name, p.proowner, 'usage')
    and not exists (
        select from pg_catalog.pg_depend as e
        where e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and e.objid = p.oid and e.deptype = 'e'
    )
order by n.nspname collate "C", p.proname collate "C", p.oid
