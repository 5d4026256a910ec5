-- How the server writes and keeps its log: one row. Settings that single sessions can change are taken only where they
-- come from the server. Of archive_command it matters whether it does anything; its text stays where it is.
with settings as (
    select s.name
         , s.setting as value
      from pg_catalog.pg_settings as s
     where s.name in (
            'fsync', 'full_page_writes', 'zero_damaged_pages', 'ignore_checksum_failure', 'ignore_invalid_pages',
            'synchronous_commit', 'wal_writer_delay', 'wal_level', 'data_checksums', 'archive_mode', 'archive_library',
            'archive_command', 'archive_timeout', 'max_slot_wal_keep_size'
           )
       and s.source in ('default', 'environment variable', 'configuration file', 'command line', 'override')
)
select coalesce(max(s.value) filter (where s.name = 'fsync')::pg_catalog.bool, true) as fsync
     , coalesce(max(s.value) filter (where s.name = 'full_page_writes')::pg_catalog.bool, true) as full_page_writes
     , coalesce(max(s.value) filter (where s.name = 'zero_damaged_pages')::pg_catalog.bool, false) as zero_damaged_pages
     , coalesce(max(s.value) filter (where s.name = 'ignore_checksum_failure')::pg_catalog.bool, false)
            as ignore_checksum_failure
     , coalesce(max(s.value) filter (where s.name = 'ignore_invalid_pages')::pg_catalog.bool, false)
            as ignore_invalid_pages
     , max(s.value) filter (where s.name = 'synchronous_commit') as synchronous_commit
     , max(s.value) filter (where s.name = 'wal_writer_delay')::pg_catalog.int4 as wal_writer_delay_ms
     , max(s.value) filter (where s.name = 'wal_level') as wal_level
     , max(s.value) filter (where s.name = 'data_checksums') as data_checksums
     , max(s.value) filter (where s.name = 'archive_mode') as archive_mode
     , coalesce(max(s.value) filter (where s.name = 'archive_library'), '') as archive_library
     , case
            when max(s.value) filter (where s.name = 'archive_command') ~ '^\s*$|^\(disabled\)$' then 'unset'
            when max(s.value) filter (where s.name = 'archive_command')
                 ~* '^\s*((/usr)?/bin/true|true|:|exit(\s+0)?|cd\s+\.|rem|echo(\s+[^>|&;]*)?)\s*;?\s*$' then 'no-op'
            else 'set'
       end as archive_command
     , max(s.value) filter (where s.name = 'archive_timeout')::pg_catalog.int4 as archive_timeout_seconds
     , max(s.value) filter (where s.name = 'max_slot_wal_keep_size')::pg_catalog.int4 as slot_limit_mb
     , exists (
            select
              from pg_catalog.pg_proc as p
             where p.proname = 'aurora_version'
               and p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
       ) as storage_keeps_log
  from settings as s
