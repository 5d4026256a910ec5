-- Logical replication: what each publication publishes, as it was declared.
select p.pubname as name
     , p.puballtables as all_tables
     , p.pubupdate as updates
     , p.pubdelete as deletes
     , array(
            select r.prrelid
              from pg_catalog.pg_publication_rel as r
             where r.prpubid = p.oid
             order by 1
       )::pg_catalog.text as tables
     , array(
            select n.nspname::pg_catalog.text
              from pg_catalog.pg_publication_namespace as r
              join pg_catalog.pg_namespace as n on n.oid = r.pnnspid
             where r.pnpubid = p.oid
             order by 1
       ) as schemas
  from pg_catalog.pg_publication as p
 order by p.pubname
