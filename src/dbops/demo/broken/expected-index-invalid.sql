-- rule: expected-index-invalid
-- object: public.ledger_entries
-- plants: the ledger's index on (org_id, posted_at) is there but invalid
-- What is left when CREATE INDEX CONCURRENTLY is cancelled: it has the right name, costs every insert, serves no query.
update pg_catalog.pg_index
set indisvalid = false
where indexrelid = 'public.ledger_entries_posted_idx'::pg_catalog.regclass;
