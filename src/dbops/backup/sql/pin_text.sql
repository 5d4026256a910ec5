-- Everything that the text of a row depends on, set for this transaction, the same at the source and on a copy.
-- `row_security = off` makes a policy that would hide rows an error.
set local row_security = off;
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local lc_monetary = 'C';
set local quote_all_identifiers = off;
set local search_path = pg_catalog, pg_temp
