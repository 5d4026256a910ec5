-- Where and when the snapshot stands, and the settings a restore or an objective depends on. One row.
-- Columns whose names changed between majors are read through to_jsonb, which answers null for what is not there.
select
    -- The beginning of the transaction: whatever was committed before it is in the snapshot.
    pg_catalog.transaction_timestamp() as snapshot_at,
    pg_catalog.pg_is_in_recovery() as in_recovery,
    case
        when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
        else pg_catalog.pg_current_wal_lsn()
    end::text as lsn,
    pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
    d.datcollate::text as lc_collate,
    d.datctype::text as lc_ctype,
    coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') as provider,
    coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale') as locale,
    pg_catalog.to_jsonb(d) ->> 'datcollversion' as collation_version,
    pg_catalog.pg_get_userbyid(d.datdba) as owner,
    pg_catalog.pg_database_size(d.oid) as database_bytes,
    pg_catalog.current_setting('archive_mode') as archive_mode,
    pg_catalog.current_setting('wal_level') as wal_level,
    (select pg_catalog.count(*) from pg_catalog.pg_stat_get_wal_senders()) as wal_senders,
    (select pg_catalog.count(*) from pg_catalog.pg_largeobject_metadata) as large_objects,
    (select pg_catalog.count(*) from pg_catalog.pg_subscription as s where s.subdbid = d.oid) as subscriptions,
    (select pg_catalog.count(*) from pg_catalog.pg_class as c where c.relkind = 'm' and c.oid >= 16384) as materialized_views,
    r.rolsuper as superuser,
    r.rolsuper or r.rolbypassrls as sees_all_rows
from pg_catalog.pg_database as d
cross join pg_catalog.pg_roles as r
where d.datname = pg_catalog.current_database()
    and r.rolname = current_user
