-- with: scope
-- Indexes made, or made valid, less than a week ago. Only commit timestamps tell; where they are off, asking is an
-- error, hence the case, and nothing is looked at.
select t.index_oid
  from (
        select i.indexrelid as index_oid
             , case when pg_catalog.current_setting('track_commit_timestamp')::pg_catalog.bool
                    then pg_catalog.pg_xact_commit_timestamp(i.xmin)
               end as made
          from pg_catalog.pg_index as i
          join scope as s on s.oid = i.indrelid
         where pg_catalog.current_setting('track_commit_timestamp')::pg_catalog.bool
       ) as t
 where t.made > pg_catalog.now() - interval '7 days'
 order by t.index_oid
