-- Two tables of two tenants each: one whose policies bind every session to its tenant, one whose policies let everybody
-- do everything. The names in braces are filled in as quoted identifiers and literals.
grant usage on schema {schema} to {role};

create table {right} ({tenant} {type} not null, dbops_note text);
create table {wrong} ({tenant} {type} not null, dbops_note text);
insert into {right} ({tenant}, dbops_note) values ({first}, 'a'), ({first}, 'b'), ({second}, 'c');
insert into {wrong} ({tenant}, dbops_note) values ({first}, 'a'), ({first}, 'b'), ({second}, 'c');

create policy everything on {right}
    using ({tenant} = (select nullif(pg_catalog.current_setting({setting}, true), '')::{type}))
    with check ({tenant} = (select nullif(pg_catalog.current_setting({setting}, true), '')::{type}));
create policy everything on {wrong} using (true) with check (true);
alter table {right} enable row level security, force row level security;
alter table {wrong} enable row level security, force row level security;
grant select, insert, update, delete on {right}, {wrong} to {role}
