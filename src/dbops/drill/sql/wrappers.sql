-- Foreign-data wrappers: on a copy they all come from extensions.
select w.fdwname::pg_catalog.text as name
from pg_catalog.pg_foreign_data_wrapper as w
order by w.fdwname collate "C"
