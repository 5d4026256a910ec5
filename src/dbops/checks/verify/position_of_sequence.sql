select pg_catalog.pg_sequence_last_value(s.seqrelid) as last_value
     , pg_catalog.format_type(s.seqtypid, null) as type
     , s.seqincrement as increment
     , s.seqmin as minimum
     , s.seqmax as maximum
     , s.seqcycle as cycles
  from pg_catalog.pg_sequence as s
 where s.seqrelid = :'object'::pg_catalog.regclass;
