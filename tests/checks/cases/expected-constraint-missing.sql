-- case: no primary key
-- finds: public.visit
-- says: no constraint primary key (clinic_id, id) (expectation key)
-- fix: create unique index concurrently visit_pkey on public.visit (clinic_id, id);
-- fix: alter table public.visit add constraint visit_pkey primary key using index visit_pkey;
-- policy: [[expect.constraint]]
-- policy: id = "key"
-- policy: table = "visit"
-- policy: kind = "pk"
-- policy: columns = ["clinic_id", "id"]
create table visit (id int, clinic_id int);

-- case: no primary key, but an index that can become it
-- finds: public.visit
-- fix: alter table public.visit add primary key using index visit_once;
-- policy: [[expect.constraint]]
-- policy: id = "key"
-- policy: table = "visit"
-- policy: kind = "pk"
-- policy: columns = ["id"]
create table visit (id int, clinic_id int);
create unique index visit_once on visit (id);

-- case: another primary key
-- finds: public.visit
-- says: nearest: visit_pkey: it is on (id)
-- policy: [[expect.constraint]]
-- policy: id = "key"
-- policy: table = "visit"
-- policy: kind = "pk"
-- policy: columns = ["clinic_id", "id"]
create table visit (id int primary key, clinic_id int);

-- case: unique for some rows alone
-- finds: public.visit
-- says: no constraint unique (code)
-- fix: add constraint visit_code_once unique using index visit_code_once
-- policy: [[expect.constraint]]
-- policy: id = "code"
-- policy: table = "visit"
-- policy: kind = "unique"
-- policy: columns = ["code"]
-- policy: name = "visit_code_once"
create table visit (id int primary key, code text, gone boolean);
create unique index visit_code on visit (code) where not gone;

-- case: unique on a partitioned table without the columns it is partitioned by
-- finds: public.visit
-- policy: [[expect.constraint]]
-- policy: id = "code"
-- policy: table = "visit"
-- policy: kind = "unique"
-- policy: columns = ["code"]
create table visit (code text, at date) partition by range (at);

-- case: a foreign key and the index that it needs
-- finds: public.visit
-- says: no constraint foreign key (clinic_id) references public.clinic (id) on delete cascade
-- fix: create index concurrently ix_visit_clinic_id on public.visit (clinic_id);
-- fix: add constraint visit_clinic_id_fkey foreign key (clinic_id) references public.clinic (id) on delete cascade not valid;
-- fix: validate constraint visit_clinic_id_fkey;
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "clinic"
-- policy: on_delete = "cascade"
create table clinic (id int primary key);
create table visit (id int primary key, clinic_id int);

-- case: a foreign key that does something else on delete, under the declared name
-- finds: public.visit
-- says: visit_clinic is something else: foreign key (clinic_id) references public.clinic (id) on update cascade on delete set null
-- fix: alter table public.visit drop constraint visit_clinic;
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "clinic"
-- policy: on_delete = "restrict"
-- policy: name = "visit_clinic"
create table clinic (id int primary key);
create table visit (id int primary key, clinic_id int);
alter table visit add constraint visit_clinic foreign key (clinic_id) references clinic on update cascade on delete set null;
create index on visit (clinic_id);

-- case: a foreign key to other columns, and one to another table
-- finds: public.visit
-- says: crossed: it refers to (part, id)
-- says: elsewhere: it refers to public.other
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id", "clinic_part"]
-- policy: references = "clinic"
create table clinic (id int, part int, primary key (id, part), unique (part, id));
create table other (id int, part int, primary key (id, part));
create table visit (id int primary key, clinic_id int, clinic_part int);
alter table visit add constraint crossed foreign key (clinic_id, clinic_part) references clinic (part, id);
alter table visit add constraint elsewhere foreign key (clinic_id, clinic_part) references other (id, part);
create index on visit (clinic_id, clinic_part);

-- case: a check that says less
-- finds: public.visit
-- says: nearest: visit_fee_check: it says ((fee > '-1'::integer))
-- fix: add constraint visit_fee_check1_check
-- policy: [[expect.constraint]]
-- policy: id = "fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: columns = ["fee"]
-- policy: expression = "fee > 0"
-- policy: name = "visit_fee_check1_check"
create table visit (id int primary key, fee int check (fee > -1));

-- case: an exclusion that is not there
-- finds: public.visit
-- says: no constraint exclude using gist (during with &&)
-- fix: add constraint visit_once exclude using gist (during with &&);
-- policy: [[expect.constraint]]
-- policy: id = "once"
-- policy: table = "visit"
-- policy: kind = "exclude"
-- policy: expression = "using gist (during with &&)"
-- policy: name = "visit_once"
create table visit (id int primary key, during daterange);

-- case: never validated
-- finds: public.visit
-- says: check (fee > 0) is there as positive, which was never validated
-- fix: alter table public.visit validate constraint positive;
-- policy: [[expect.constraint]]
-- policy: id = "fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: expression = "fee > 0"
create table visit (id int primary key, fee int);
alter table visit add constraint positive check (fee > 0) not valid;

-- case: its triggers are disabled
-- finds: public.visit
-- says: which is not checked: its triggers are disabled
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "clinic"
create table clinic (id int primary key);
create table visit (id int primary key, clinic_id int references clinic);
create index on visit (clinic_id);
alter table visit disable trigger all;

-- case: not enforced
-- finds: public.visit
-- says: which is not enforced
-- server: 18
-- policy: [[expect.constraint]]
-- policy: id = "fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: expression = "fee > 0"
create table visit (id int primary key, fee int check (fee > 0) not enforced);

-- case: tables and columns that do not exist
-- finds: 4
-- policy: [[expect.constraint]]
-- policy: id = "a"
-- policy: table = "visits"
-- policy: kind = "pk"
-- policy: columns = ["id"]
-- policy: [[expect.constraint]]
-- policy: id = "b"
-- policy: table = "visit"
-- policy: kind = "pk"
-- policy: columns = ["number"]
-- policy: [[expect.constraint]]
-- policy: id = "c"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "nowhere"
-- policy: [[expect.constraint]]
-- policy: id = "d"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "keyless"
create table keyless (id int, unique (id));
create table visit (id int primary key, clinic_id int);

-- case: nothing is declared
-- finds: skip
create table visit (id int primary key);

-- case: all of it is there, whatever it is called
-- finds: 0
-- policy: [[expect.constraint]]
-- policy: id = "key"
-- policy: table = "visit"
-- policy: kind = "pk"
-- policy: columns = ["id", "clinic_id"]
-- policy: name = "other_name"
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "clinic"
-- policy: on_delete = "no action"
-- policy: [[expect.constraint]]
-- policy: id = "code"
-- policy: table = "visit"
-- policy: kind = "unique"
-- policy: columns = ["code"]
-- policy: [[expect.constraint]]
-- policy: id = "fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: expression = "CHECK (fee between 1 and 100 and code <> 'x')"
-- policy: [[expect.constraint]]
-- policy: id = "some check of the fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: columns = ["fee", "code"]
-- policy: [[expect.constraint]]
-- policy: id = "once"
-- policy: table = "visit"
-- policy: kind = "exclude"
-- policy: expression = "exclude using GIST (during with &&) where (fee > 0)"
create table clinic (id int primary key);
create table visit (
    id int, clinic_id int references clinic, code text unique, fee int, during daterange, primary key (clinic_id, id),
    check (code <> 'x' and fee >= 1 and fee <= 100), exclude using gist (during with &&) where (fee > 0)
);
create index on visit (clinic_id);

-- case (near miss): a unique index is as good as the constraint, and so is the primary key
-- finds: 0
-- policy: [[expect.constraint]]
-- policy: id = "code"
-- policy: table = "visit"
-- policy: kind = "unique"
-- policy: columns = ["code", "part"]
-- policy: [[expect.constraint]]
-- policy: id = "number"
-- policy: table = "visit"
-- policy: kind = "unique"
-- policy: columns = ["id"]
create table visit (id int primary key, code text, part int);
create unique index on visit (part, code) include (id);

-- case (near miss): neither proved nor enforced is meant
-- finds: 0
-- policy: [[expect.constraint]]
-- policy: id = "fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: expression = "fee > 0"
-- policy: validated = false
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["clinic_id"]
-- policy: references = "clinic"
-- policy: enforced = false
create table clinic (id int primary key);
create table visit (id int primary key, fee int, clinic_id int references clinic);
create index on visit (clinic_id);
alter table visit add constraint positive check (fee > 0) not valid;
alter table visit disable trigger all;

-- case (near miss): the same pairs in another order are the same foreign key
-- finds: 0
-- policy: [[expect.constraint]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: kind = "fk"
-- policy: columns = ["part", "clinic_id"]
-- policy: references = "clinic"
-- policy: references_columns = ["part", "id"]
create table clinic (id int, part int, primary key (id, part));
create table visit (id int primary key, clinic_id int, part int, foreign key (clinic_id, part) references clinic);
create index on visit (clinic_id, part);

-- case: a column in a check is not there
-- finds: public.visit
-- says: public.visit has no column fees
-- policy: [[expect.constraint]]
-- policy: id = "fee"
-- policy: table = "visit"
-- policy: kind = "check"
-- policy: expression = "fees > 0 and current_user <> 'x'"
create table visit (id int primary key, fee int);
