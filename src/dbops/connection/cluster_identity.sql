-- Which cluster this is: one row. Some hosted servers revoke these functions.
select (select s.system_identifier::pg_catalog.text from pg_catalog.pg_control_system() as s)
     , (select c.timeline_id from pg_catalog.pg_control_checkpoint() as c)
