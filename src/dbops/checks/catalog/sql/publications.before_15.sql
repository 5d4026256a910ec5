-- Logical replication: what each publication publishes, as it was declared; whole schemas cannot be, before 15.
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
     , '{}'::pg_catalog.text[] as schemas
  from pg_catalog.pg_publication as p
 order by p.pubname
