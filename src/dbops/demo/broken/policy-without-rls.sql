-- rule: policy-without-rls
-- object: public.ledger_accounts
-- plants: row-level security of the accounts was switched off for a migration and never on again
alter table public.ledger_accounts disable row level security;
