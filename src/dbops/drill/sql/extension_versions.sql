-- Which extensions could be created here, in which versions.
select v.name::pg_catalog.text as name, pg_catalog.array_agg(v.version::pg_catalog.text) as versions
from pg_catalog.pg_available_extension_versions as v
group by v.name
order by v.name collate "C"
