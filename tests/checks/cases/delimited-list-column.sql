-- case: tags between commas
-- finds: public.article
-- says: tags holds lists, with commas between their entries
-- severity: info
create table article (id int primary key, tags text);
insert into article select i, array_to_string(array(select 'tag' || j from generate_series(0, i % 4) as j), ', ')
  from generate_series(1, 200) as i;
analyze article;

-- case: keys of other rows, between semicolons and bars
-- finds: public.article, public.article
create table article (id int primary key, author_ids varchar(200), "see also" text);
insert into article
select i, array_to_string(array(select i * j from generate_series(1, 1 + i % 4) as j), ';'),
       array_to_string(array(select i + j from generate_series(1, 1 + i % 3) as j), '|')
  from generate_series(1, 200) as i;
analyze article;

-- case: as JSON or an array would write it, in a text
-- finds: public.article
create table article (id int primary key, words text);
insert into article select i, '["' || array_to_string(array(select 'w' || j from generate_series(0, i % 5) as j), '","') || '"]'
  from generate_series(1, 200) as i;
analyze article;

-- case: a partitioned table, once
-- finds: public.article
create table article (at date, tags text) partition by range (at);
create table article_late partition of article for values from ('2024-01-01') to ('2030-01-01');
insert into article select '2025-01-01', array_to_string(array(select 'tag' || j from generate_series(0, i % 4) as j), ',')
  from generate_series(1, 200) as i;
analyze article;

-- case: a real array, and one word each
-- finds: 0
create table article (id int primary key, tags text[], word text, at date);
insert into article select i, array['a', 'b', 'c'], 'word' || i, '2024-01-01' from generate_series(1, 200) as i;
analyze article;

-- case (near miss): prose with commas
-- finds: 0
create table article (id int primary key, body text, tags text);
insert into article select i, 'So it went on, and on, and on ' || i, 'red wine, white wine, beer ' || i
  from generate_series(1, 200) as i;
analyze article;

-- case (near miss): names turned round, numbers with commas, coordinates, colours
-- finds: 0
create table article (id int primary key, author text, price text, share text, at text, colour text);
insert into article
select i, case when i % 9 = 0 then 'Moliere' else 'Doe' || i || ', John' end, to_char(i * 12345, 'FM999,999,999'),
       i || ',5', i || '.5,' || i || '.25', i % 256 || ',' || i % 77 || ',' || i % 33
  from generate_series(1, 200) as i;
analyze article;

-- case (near miss): one value in many is no list
-- finds: 0
create table article (id int primary key, word text);
insert into article select i, case when i < 10 then 'a' || i || ',b,c' else 'word' || i end from generate_series(1, 200) as i;
analyze article;

-- case (near miss): no samples, no finding
-- finds: 0
create table article (id int primary key, tags text);
insert into article select i, 'a,b,c' from generate_series(1, 200) as i;
