-- rule: no-primary-key
-- object: public.exchange_rates
-- plants: a table of exchange rates without any key
set local role erp_owner;
create table public.exchange_rates (
    currency_code text not null,
    quoted_on date not null,
    rate numeric(12, 6) not null check (rate > 0)
);
insert into public.exchange_rates (currency_code, quoted_on, rate)
values ('CHF', '2026-09-30', 0.943100), ('GBP', '2026-09-30', 0.871500), ('USD', '2026-09-30', 1.104200);
grant select on public.exchange_rates to erp_app, erp_backup;
reset role;
