-- Many tables that look like an application's: a primary key, two more indexes, a foreign key, a few rows each, spread
-- over twenty schemas. Of every hundred, one has no primary key, two have a foreign key without an index, one has the
-- same index twice; of every thousand, one index is left invalid.
create function bench_name(number int) returns text language sql immutable as $$
    select format('area_%s.document_%s', lpad((number % 20)::text, 2, '0'), number)
$$;

create function bench_make(first int, last int) returns void language plpgsql as $$
declare
    number int;
    made text;
    parent text;
    plain text;
begin
    for number in first .. last loop
        made := bench_name(number);
        plain := split_part(made, '.', 2);
        parent := bench_name(greatest(number / 10, 1) + case when number / 10 % 100 = 50 then 1 else 0 end);
        execute format(
            'create table %s (id bigint generated always as identity %s, parent_id bigint, org_id bigint not null,'
            ' number text not null, status text not null default ''open'', amount numeric(12, 2),'
            ' placed_at timestamptz not null default now(), note text%s)',
            made,
            case when number % 100 = 50 then '' else format('constraint %I primary key', plain || '_pkey') end,
            case
                when number % 100 = 50 or number = 1 then ''
                else format(', constraint %I foreign key (parent_id) references %s (id)', plain || '_parent_fkey', parent)
            end);
        execute format(
            'insert into %s (org_id, number, amount) select n, n::text, n from generate_series(1, 3) as n', made);
        execute format('create index %I on %s (org_id, placed_at)', plain || '_org_idx', made);
        execute format(
            'create index %I on %s (%s)', plain || '_parent_idx', made,
            case when number % 100 in (20, 70) then 'status' else 'parent_id' end);
        if number % 100 = 30 then
            execute format('create index %I on %s (org_id, placed_at)', plain || '_again_idx', made);
        end if;
        if number % 1000 = 400 then
            update pg_index set indisvalid = false
             where indexrelid = (made || '_org_idx')::regclass;
        end if;
    end loop;
end
$$;

do $$
begin
    for number in 0 .. 19 loop
        execute format('create schema area_%s', lpad(number::text, 2, '0'));
    end loop;
end
$$;
