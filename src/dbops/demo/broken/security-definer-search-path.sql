-- rule: security-definer-search-path
-- object: public.currency_name(code text)
-- plants: a function that runs as erp_owner looks up names wherever its caller says
set local role erp_owner;
create function public.currency_name(code text) returns text
    language sql
    stable
    security definer
    as $name$ select name from currencies where currencies.code = currency_name.code $name$;
revoke all on function public.currency_name(text) from public;
grant execute on function public.currency_name(text) to erp_app;
reset role;
