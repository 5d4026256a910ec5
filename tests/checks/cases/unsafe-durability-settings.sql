-- case: fsync and full page writes are off
-- finds: fsync, full_page_writes
-- severity: error
-- says: is off
-- rows: durability_settings [[false, false, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: durability_overrides []

-- case: damage is passed over
-- finds: ignore_checksum_failure, ignore_invalid_pages, zero_damaged_pages
-- severity: error
-- says: is on
-- rows: durability_settings [[true, true, true, true, true, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: durability_overrides []

-- case: no commit waits
-- finds: synchronous_commit
-- says: a crash loses what was committed in the last 600 ms
-- severity: warning
-- fix: alter system set synchronous_commit = 'on';
-- rows: durability_settings [[true, true, false, false, false, "off", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: durability_overrides []

-- case: the minimal log
-- finds: wal_level
-- severity: warning
-- fix: alter system set wal_level = 'replica';
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "minimal", "on", "on", "", "set", 60, -1, false]]
-- rows: durability_overrides []

-- case: a role whose commits do not wait
-- finds: synchronous_commit
-- says: is off for the role "Dr Who": a crash loses
-- fix: alter role "Dr Who" reset synchronous_commit;
-- severity: info
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
create role "Dr Who";
alter role "Dr Who" set synchronous_commit = off;

-- case: a database whose commits do not wait
-- finds: synchronous_commit
-- says: is off for this database
-- fix: alter database dbops_cases reset synchronous_commit;
-- severity: info
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
alter database dbops_cases set synchronous_commit = off;

-- case: a role in this database passes over damage, as do all
-- finds: zero_damaged_pages, zero_damaged_pages
-- says: what is damaged is passed over
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
create role repair;
alter role repair in database dbops_cases set zero_damaged_pages = on;
alter role all set zero_damaged_pages = on;

-- case: as it should be
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: durability_overrides []

-- case (near miss): the storage writes whole pages
-- finds: 0
-- rows: durability_settings [[true, false, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, true]]
-- rows: durability_overrides []

-- case (near miss): the server's value is hidden behind the role's own
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, null, 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: durability_overrides []

-- case (near miss): a role that waits for less than it might, but waits
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
create role quick;
alter role quick set synchronous_commit = local;
alter role quick set zero_damaged_pages = off;

-- case (near miss): a setting of another database
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
alter database postgres set synchronous_commit = off;
