-- case: an index under it, and the table's unique key
-- finds: public.moved
-- says: version 0.1 is recorded
-- says: 2 indexes depend on it, 1 of them unique: public.visit_name_key, public.visit_place
-- fix: reindex index concurrently public.visit_place;
-- fix: alter collation public.moved refresh version;
-- severity: error
do $$ begin create collation moved (provider = icu, locale = 'de');
exception when feature_not_supported then execute 'create collation moved (provider = builtin, locale = ''C.UTF-8'')'; end $$;
create table visit (id bigint primary key, name text collate moved unique, place text);
create index visit_place on visit (place collate moved);
update pg_collation set collversion = '0.1' where collname = 'moved';

-- case: partitions, each with its own index
-- finds: public.moved
-- says: 2 indexes depend on it, public.visit_1_name_idx, public.visit_2_name_idx
-- fix: reindex index concurrently public.visit_2_name_idx;
do $$ begin create collation moved (provider = icu, locale = 'de');
exception when feature_not_supported then execute 'create collation moved (provider = builtin, locale = ''C.UTF-8'')'; end $$;
create table visit (at date, name text collate moved) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01');
create index on visit (name);
update pg_collation set collversion = '0.1' where collname = 'moved';

-- case: only an index for which order plays no part
-- finds: public.moved
-- says: no index depends on it
-- severity: info
do $$ begin create collation moved (provider = icu, locale = 'de');
exception when feature_not_supported then execute 'create collation moved (provider = builtin, locale = ''C.UTF-8'')'; end $$;
create table visit (id bigint primary key, name text collate moved);
create index on visit using hash (name);
create index on visit (name text_pattern_ops);
update pg_collation set collversion = '0.1' where collname = 'moved';

-- case: the recorded version is the library's
-- finds: 0
do $$ begin create collation same (provider = icu, locale = 'de');
exception when feature_not_supported then execute 'create collation same (provider = builtin, locale = ''C.UTF-8'')'; end $$;
create table visit (id bigint primary key, name text collate same);
create index on visit (name);

-- case (near miss): another version, but nothing is ordered by it
-- finds: 0
do $$ begin create collation moved (provider = icu, locale = 'de');
exception when feature_not_supported then execute 'create collation moved (provider = builtin, locale = ''C.UTF-8'')'; end $$;
create table visit (id bigint primary key, name text collate moved);
create index on visit (name collate "C");
update pg_collation set collversion = '0.1' where collname = 'moved';

-- case (near miss): a version is recorded for a collation that has none
-- finds: 0
create table visit (id bigint primary key, name text collate "POSIX");
create index on visit (name);
update pg_collation set collversion = '0.1' where collname = 'POSIX';
