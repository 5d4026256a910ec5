-- How many large objects this role may not read. Asked only of a role that is no superuser: pg_read_all_data does not
-- cover them.
select pg_catalog.count(*)
from pg_catalog.pg_largeobject_metadata as m
where not pg_catalog.pg_has_role(m.lomowner, 'usage')
    and not exists (
        select from pg_catalog.aclexplode(m.lomacl) as a
        where a.privilege_type = 'SELECT'
            and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'usage'))
    )
