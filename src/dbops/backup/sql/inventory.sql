-- What is in this database, as facts (kind, identity, value): names, owners, rights, flags, definitions; no OIDs, no rows.
-- Members of extensions are left out: they come with the extension, in the version the target has.
-- To be run with search_path = pg_catalog: deparsed definitions then qualify everything, on both sides of a comparison.
-- Acls go through acldefault, so that an explicit default equals none; lists are sorted in the "C" collation.
-- The fact "inventory version" says which kinds there are: a comparison leaves out what an older one did not record.
with members as materialized (
    select d.classid, d.objid
    from pg_catalog.pg_depend as d
    where d.deptype = 'e'
),
spaces as materialized (
    select n.oid, n.nspowner, n.nspacl, pg_catalog.quote_ident(n.nspname) as ident
    from pg_catalog.pg_namespace as n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
),
relations as materialized (
    select c.*, s.ident || '.' || pg_catalog.quote_ident(c.relname) as ident
    from pg_catalog.pg_class as c
    join spaces as s on s.oid = c.relnamespace
    where c.relpersistence <> 't'
        and (1259, c.oid) not in (select m.classid, m.objid from members as m)
        -- of a composite type it is the type that belongs to an extension
        and not (c.relkind = 'c' and (1247, c.reltype) in (select m.classid, m.objid from members as m))
),
tables as materialized (
    select
        r.oid, r.ident, r.relkind,
        -- A child that is no partition comes back with its parent's columns first, wherever they stood.
        exists (select from pg_catalog.pg_inherits as h where h.inhrelid = r.oid) and not r.relispartition as inherits
    from relations as r
    where r.relkind in ('r', 'p', 'v', 'm', 'f')
),
routines as materialized (
    select
        p.*,
        s.ident || '.' || pg_catalog.quote_ident(p.proname)
            || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' as ident
    from pg_catalog.pg_proc as p
    join spaces as s on s.oid = p.pronamespace
    where (1255, p.oid) not in (select m.classid, m.objid from members as m)
        -- constructors of a range type belong to the type, and to whoever restored it
        and not exists (
            select from pg_catalog.pg_depend as d
            where d.classid = 1255 and d.objid = p.oid and d.deptype = 'i'
        )
),
types as materialized (
    select t.*, s.ident || '.' || pg_catalog.quote_ident(t.typname) as ident
    from pg_catalog.pg_type as t
    join spaces as s on s.oid = t.typnamespace
    left join pg_catalog.pg_class as c on c.oid = t.typrelid
    -- array, row and multirange types follow what they are made for
    where t.typtype in ('b', 'c', 'd', 'e', 'r')
        and t.typcategory <> 'A'
        and (c.oid is null or c.relkind = 'c')
        and (1247, t.oid) not in (select m.classid, m.objid from members as m)
),
-- What has an owner and no definition of its own here; made by users, since what initdb made has a smaller oid.
owned as (
    select 3456 as classid, o.oid, o.collowner as owner from pg_catalog.pg_collation as o
    union all
    select 2617, o.oid, o.oprowner from pg_catalog.pg_operator as o
    union all
    select 2616, o.oid, o.opcowner from pg_catalog.pg_opclass as o
    union all
    select 2753, o.oid, o.opfowner from pg_catalog.pg_opfamily as o
    union all
    select 2607, o.oid, o.conowner from pg_catalog.pg_conversion as o
    union all
    select 3602, o.oid, o.cfgowner from pg_catalog.pg_ts_config as o
    union all
    select 3600, o.oid, o.dictowner from pg_catalog.pg_ts_dict as o
    union all
    select 1417, o.oid, o.srvowner from pg_catalog.pg_foreign_server as o
),
grants as (
    select 'schema' as kind, s.ident, coalesce(s.nspacl, pg_catalog.acldefault('n', s.nspowner)) as acl
    from spaces as s
    union all
    select
        'relation', r.ident,
        coalesce(r.relacl, pg_catalog.acldefault(case r.relkind when 'S' then 's' else 'r' end::"char", r.relowner))
    from relations as r
    where r.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'routine', p.ident, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
    from routines as p
    union all
    select 'type', t.ident, coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
    from types as t
    union all
    select 'column', t.ident || '.' || pg_catalog.quote_ident(a.attname), a.attacl
    from pg_catalog.pg_attribute as a
    join tables as t on t.oid = a.attrelid
    where a.attacl is not null and not a.attisdropped
    union all
    select 'large object', o.oid::text, coalesce(o.lomacl, pg_catalog.acldefault('L', o.lomowner))
    from pg_catalog.pg_largeobject_metadata as o
    union all
    select
        'default', pg_catalog.concat_ws(
            ' ', 'for', pg_catalog.pg_get_userbyid(d.defaclrole), 'in', s.ident, 'on', d.defaclobjtype
        ),
        d.defaclacl
    from pg_catalog.pg_default_acl as d
    left join spaces as s on s.oid = d.defaclnamespace
),
facts as (
    select 'schema' as kind, s.ident as identity, 'owner ' || pg_catalog.pg_get_userbyid(s.nspowner)::text as value
    from spaces as s
    where (2615, s.oid) not in (select m.classid, m.objid from members as m)
    union all
    select
        'relation', r.ident,
        pg_catalog.concat_ws(
            ' ', r.relkind, 'owner', pg_catalog.pg_get_userbyid(r.relowner),
            case r.relpersistence when 'u' then 'unlogged' end,
            case when r.relrowsecurity then 'row security' end,
            case when r.relforcerowsecurity then 'forced' end,
            case when r.relkind in ('r', 'm', 'p') then 'replica identity ' || r.relreplident::text end,
            case when r.relkind = 'm' and not r.relispopulated then 'unpopulated' end,
            case when r.relkind = 'p' then pg_catalog.pg_get_partkeydef(r.oid) end,
            pg_catalog.pg_get_expr(r.relpartbound, r.oid),
            pg_catalog.array_to_string(r.reloptions, ',')
        )
    from relations as r
    where r.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    union all
    select 'view', t.ident, pg_catalog.md5(pg_catalog.pg_get_viewdef(t.oid))
    from tables as t
    where t.relkind in ('v', 'm')
    union all
    select
        'column', t.ident || '.' || pg_catalog.quote_ident(a.attname),
        pg_catalog.concat_ws(
            ' ',
            case
                when not t.inherits then pg_catalog.row_number() over (partition by a.attrelid order by a.attnum)
            end,
            pg_catalog.format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> y.typcollation then 'collate ' || a.attcollation::pg_catalog.regcollation end,
            case when a.attnotnull then 'not null' end,
            case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
            case when a.attgenerated <> '' then 'generated ' || a.attgenerated::text end,
            'default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
        )
    from pg_catalog.pg_attribute as a
    join tables as t on t.oid = a.attrelid
    join pg_catalog.pg_type as y on y.oid = a.atttypid
    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    union all
    -- Rows of contype n are how 18 keeps NOT NULL; the column says it on every major.
    select
        'constraint', t.ident || '.' || pg_catalog.quote_ident(c.conname),
        pg_catalog.concat_ws(
            ' ', c.contype, case when not c.convalidated then 'not valid' end, pg_catalog.pg_get_constraintdef(c.oid)
        )
    from pg_catalog.pg_constraint as c
    join tables as t on t.oid = c.conrelid
    where c.contype <> 'n'
    union all
    select
        'index', t.ident || '.' || pg_catalog.quote_ident(r.relname),
        pg_catalog.concat_ws(
            ' ', case when not i.indisvalid then 'invalid' end,
            case when i.indisclustered then 'clustered' end,
            case when i.indisreplident then 'replica identity' end,
            pg_catalog.pg_get_indexdef(i.indexrelid)
        )
    from pg_catalog.pg_index as i
    join tables as t on t.oid = i.indrelid
    join relations as r on r.oid = i.indexrelid
    union all
    select
        'trigger', t.ident || '.' || pg_catalog.quote_ident(g.tgname),
        g.tgenabled::text || ' ' || pg_catalog.pg_get_triggerdef(g.oid)
    from pg_catalog.pg_trigger as g
    join tables as t on t.oid = g.tgrelid
    where not g.tgisinternal
    union all
    select
        'rule', t.ident || '.' || pg_catalog.quote_ident(w.rulename),
        w.ev_enabled::text || ' ' || pg_catalog.md5(pg_catalog.pg_get_ruledef(w.oid))
    from pg_catalog.pg_rewrite as w
    join tables as t on t.oid = w.ev_class
    where w.rulename <> '_RETURN'
    union all
    select
        'policy', t.ident || '.' || pg_catalog.quote_ident(p.polname),
        pg_catalog.concat_ws(
            ' ', p.polcmd, case when not p.polpermissive then 'restrictive' end, 'to',
            (
                select pg_catalog.string_agg(
                    case u.role when 0 then 'public' else pg_catalog.pg_get_userbyid(u.role)::text end, ','
                    order by case u.role when 0 then 'public' else pg_catalog.pg_get_userbyid(u.role)::text end
                        collate "C"
                )
                from pg_catalog.unnest(p.polroles) as u (role)
            ),
            'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid),
            'check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
        )
    from pg_catalog.pg_policy as p
    join tables as t on t.oid = p.polrelid
    union all
    select
        'routine', p.ident,
        pg_catalog.concat_ws(
            ' ', p.prokind, 'owner', pg_catalog.pg_get_userbyid(p.proowner), 'language', l.lanname,
            p.provolatile, p.proparallel,
            case when p.prosecdef then 'definer' end,
            case when p.proleakproof then 'leakproof' end,
            case when p.proisstrict then 'strict' end,
            'returns ' || pg_catalog.format_type(p.prorettype, null),
            pg_catalog.array_to_string(p.proconfig, ','),
            pg_catalog.md5(p.prosrc)
        )
    from routines as p
    join pg_catalog.pg_language as l on l.oid = p.prolang
    union all
    select
        'type', t.ident,
        pg_catalog.concat_ws(
            ' ', t.typtype, 'owner', pg_catalog.pg_get_userbyid(t.typowner),
            case when t.typbasetype <> 0 then pg_catalog.format_type(t.typbasetype, t.typtypmod) end,
            case when t.typnotnull then 'not null' end,
            (
                select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' order by e.enumsortorder)
                from pg_catalog.pg_enum as e
                where e.enumtypid = t.oid
            ),
            (
                select pg_catalog.string_agg(
                    pg_catalog.pg_get_constraintdef(c.oid), ',' order by c.conname collate "C"
                )
                from pg_catalog.pg_constraint as c
                where c.contypid = t.oid and c.contype <> 'n'
            )
        )
    from types as t
    union all
    select
        'sequence', r.ident,
        pg_catalog.concat_ws(
            ' ', pg_catalog.format_type(q.seqtypid, null), 'start', q.seqstart, 'by', q.seqincrement,
            'from', q.seqmin, 'to', q.seqmax, 'cache', q.seqcache, case when q.seqcycle then 'cycle' end
        )
    from pg_catalog.pg_sequence as q
    join relations as r on r.oid = q.seqrelid
    union all
    select
        'statistics', s.ident || '.' || pg_catalog.quote_ident(x.stxname),
        'owner ' || pg_catalog.pg_get_userbyid(x.stxowner)::text || ' ' || pg_catalog.pg_get_statisticsobjdef(x.oid)
    from pg_catalog.pg_statistic_ext as x
    join spaces as s on s.oid = x.stxnamespace
    where (3381, x.oid) not in (select m.classid, m.objid from members as m)
    union all
    select 'event trigger', e.evtname::text, e.evtenabled::text || ' ' || e.evtevent::text
    from pg_catalog.pg_event_trigger as e
    where (3466, e.oid) not in (select m.classid, m.objid from members as m)
    union all
    select 'publication', p.pubname::text, 'owner ' || pg_catalog.pg_get_userbyid(p.pubowner)::text
    from pg_catalog.pg_publication as p
    union all
    select 'large object', o.oid::text, 'owner ' || pg_catalog.pg_get_userbyid(o.lomowner)::text
    from pg_catalog.pg_largeobject_metadata as o
    union all
    select 'inventory', 'version', '2'
    union all
    select i.type, i.identity, 'owner ' || pg_catalog.pg_get_userbyid(o.owner)::text
    from owned as o
    cross join lateral pg_catalog.pg_identify_object(o.classid, o.oid, 0) as i
    where o.oid >= 16384 and (o.classid, o.oid) not in (select m.classid, m.objid from members as m)
    union all
    -- Digests only: the options of a server may say where another one is. Sorted, as a dump writes them.
    select
        'server options', pg_catalog.quote_ident(v.srvname),
        pg_catalog.concat_ws(' ', w.fdwname, pg_catalog.md5(
            pg_catalog.array_to_string(array(select o.o from pg_catalog.unnest(v.srvoptions) as o (o) order by o.o collate "C"), ',')
        ))
    from pg_catalog.pg_foreign_server as v
    join pg_catalog.pg_foreign_data_wrapper as w on w.oid = v.srvfdw
    where (1417, v.oid) not in (select m.classid, m.objid from members as m)
    union all
    select
        'foreign table options', t.ident,
        pg_catalog.concat_ws(' ', pg_catalog.quote_ident(v.srvname), pg_catalog.md5(
            pg_catalog.array_to_string(array(select o.o from pg_catalog.unnest(f.ftoptions) as o (o) order by o.o collate "C"), ',')
        ))
    from pg_catalog.pg_foreign_table as f
    join tables as t on t.oid = f.ftrelid
    join pg_catalog.pg_foreign_server as v on v.oid = f.ftserver
    union all
    select
        'column storage', t.ident || '.' || pg_catalog.quote_ident(a.attname),
        pg_catalog.concat_ws(
            ' ', case when a.attstorage <> y.typstorage then a.attstorage end,
            case when a.attstattarget >= 0 then 'statistics ' || a.attstattarget end,
            pg_catalog.array_to_string(a.attoptions, ',')
        )
    from pg_catalog.pg_attribute as a
    join tables as t on t.oid = a.attrelid
    join pg_catalog.pg_type as y on y.oid = a.atttypid
    where a.attnum > 0
        and not a.attisdropped
        and (a.attstorage <> y.typstorage or a.attstattarget >= 0 or a.attoptions is not null)
    union all
    select 'access method of table', r.ident, m.amname::text
    from relations as r
    join pg_catalog.pg_am as m on m.oid = r.relam
    where r.relkind in ('r', 'm') and m.amname <> 'heap'
    union all
    -- `alter table ... disable trigger all` as superuser stops foreign keys from being checked.
    select
        'foreign key trigger', t.ident || '.' || pg_catalog.quote_ident(c.conname),
        pg_catalog.string_agg(distinct g.tgenabled::text, ',' order by g.tgenabled::text)
    from pg_catalog.pg_trigger as g
    join pg_catalog.pg_constraint as c on c.oid = g.tgconstraint
    join tables as t on t.oid = g.tgrelid
    where g.tgisinternal and g.tgenabled <> 'O'
    group by t.ident, c.conname
    union all
    select
        'publication contents', p.pubname::text,
        pg_catalog.concat_ws(
            ' ', case when p.puballtables then 'all tables' end, case when p.pubinsert then 'insert' end,
            case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end,
            case when p.pubtruncate then 'truncate' end, case when p.pubviaroot then 'via root' end,
            (
                select pg_catalog.string_agg(t.ident, ',' order by t.ident collate "C")
                from pg_catalog.pg_publication_rel as r
                join tables as t on t.oid = r.prrelid
                where r.prpubid = p.oid
            )
        )
    from pg_catalog.pg_publication as p
    union all
    select i.type, i.identity, pg_catalog.concat_ws(' ', c.castcontext, c.castmethod)
    from pg_catalog.pg_cast as c
    cross join lateral pg_catalog.pg_identify_object(2605, c.oid, 0) as i
    where c.oid >= 16384 and (2605, c.oid) not in (select m.classid, m.objid from members as m)
    union all
    -- Not those on what no drill restores: languages, access methods, extensions, event triggers, subscriptions.
    select
        case d.classoid when 2613 then 'large object comment' else 'comment' end, i.identity,
        pg_catalog.concat_ws(' ', i.type, pg_catalog.md5(d.description))
    from pg_catalog.pg_description as d
    cross join lateral pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
    where d.objoid >= 16384
        and d.classoid not in (2612, 2601, 3079, 3466, 6100)
        and (d.classoid, d.objoid) not in (select m.classid, m.objid from members as m)
    union all
    select
        g.kind || ' acl', g.ident,
        pg_catalog.string_agg(
            entry.text, ',' order by entry.text collate "C"
        )
    from grants as g
    cross join lateral pg_catalog.aclexplode(g.acl) as a
    cross join lateral (
        select pg_catalog.concat(
            case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee)::text end, '=',
            a.privilege_type, case when a.is_grantable then '*' end,
            '/', pg_catalog.pg_get_userbyid(a.grantor)
        )
    ) as entry (text)
    group by g.kind, g.ident
)
select f.kind, f.identity, f.value
from facts as f
order by f.kind collate "C", f.identity collate "C", f.value collate "C"
