-- The last page of one account's statement.
select posted_at, memo, debit_cents, credit_cents
from public.ledger_entries
where org_id = %(org_id)s and account_id = %(account_id)s
order by posted_at desc
limit 40
