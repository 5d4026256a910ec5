-- case: a foreign key that was never validated
-- finds: public.visit
-- says: was never validated
-- fix: alter table public.visit validate constraint visit_clinic;
-- severity: warning
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint);
alter table visit add constraint visit_clinic foreign key (clinic_id) references clinic not valid;

-- case: a check that was never validated, and one that is
-- finds: public.visit
-- says: check "Cost above nil" was never validated
-- silent: cost_below
create table visit (id bigint primary key, cost int constraint cost_below check (cost < 1000));
alter table visit add constraint "Cost above nil" check (cost > 0) no inherit not valid;

-- case: two constraints of one table are two findings
-- finds: public.visit, public.visit
create table visit (id bigint primary key, cost int);
alter table visit add check (cost > 0) not valid, add check (cost < 1000) not valid;

-- case: of a partitioned table once, on the parent, and of an inheritance tree too
-- finds: public.person, public.visit
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
alter table visit add check (id > 0) not valid;
create table person (name text);
create table patient () inherits (person);
alter table person add check (name <> '') not valid;

-- case: a constraint of a domain
-- finds: public.amount
-- fix: alter domain public.amount validate constraint amount_check;
create domain amount as numeric;
create table visit (id bigint primary key, cost amount);
alter domain amount add check (value >= 0) not valid;

-- case: a NOT NULL that was never validated
-- finds: public.visit
-- says: NOT NULL constraint visit_at
-- server: 18
create table visit (id bigint primary key, at date);
alter table visit add constraint visit_at not null at not valid;

-- case: a check that is not enforced is made anew
-- finds: public.visit
-- says: is not enforced
-- fix: drop constraint paid, add constraint paid CHECK ((cost > 0)) not valid;
-- fix: validate constraint paid;
-- server: 18
create table visit (id bigint primary key, cost int constraint paid check (cost > 0) not enforced);

-- case: a foreign key that is not enforced, on a partitioned table
-- finds: public.visit
-- says: is not enforced
-- fix: REFERENCES public.clinic(id) ON DELETE CASCADE not valid;
-- server: 18
create table clinic (id bigint primary key);
create table visit (id bigint, at date, clinic_id bigint) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
alter table visit add foreign key (clinic_id) references clinic on delete cascade not enforced;

-- case: triggers left disabled after a load
-- finds: public.visit
-- says: its triggers are disabled
-- fix: add constraint visit_clinic_id_fkey FOREIGN KEY (clinic_id) REFERENCES public.clinic(id) not valid;
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
alter table visit disable trigger all;

-- case: triggers of the referenced table left disabled: its rows can go while others refer to them
-- finds: public.visit
-- says: its triggers are disabled
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
alter table clinic disable trigger all;

-- case: triggers of one partition left disabled
-- finds: public.visit_late
-- fix: alter table public.visit_late enable trigger all;
create table clinic (id bigint primary key);
create table visit (id bigint, at date, clinic_id bigint references clinic) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
alter table visit_late disable trigger all;

-- case: everything checked
-- finds: 0
create domain amount as numeric check (value >= 0);
create table clinic (id bigint primary key, name text not null);
create table visit (id bigint primary key, clinic_id bigint references clinic, cost amount check (cost < 1000));

-- case (near miss): added as not valid, validated since
-- finds: 0
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint);
alter table visit add constraint visit_clinic foreign key (clinic_id) references clinic not valid;
alter table visit validate constraint visit_clinic;

-- case (near miss): disabled and enabled again; a trigger of the table's own is its own business
-- finds: 0
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create trigger stamp before update on visit for each row execute function suppress_redundant_updates_trigger();
alter table visit disable trigger all;
alter table visit enable trigger all;
alter table visit disable trigger stamp;
