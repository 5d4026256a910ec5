-- The schemas of users, with their owners.
select n.nspname::pg_catalog.text as name, pg_catalog.pg_get_userbyid(n.nspowner)::pg_catalog.text as owner
from pg_catalog.pg_namespace as n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname collate "C"
