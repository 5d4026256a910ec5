-- case: nobody reads, and there is no limit
-- finds: standby_b
-- says: physical slot, is read by nobody for 3d, and keeps 2.0 GiB of the log without a limit
-- fix: -- select pg_catalog.pg_drop_replication_slot('standby_b');
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["standby_b", "physical", null, null, false, "reserved", 2147483648, null, null, 259200, null, false]]

-- case: it fills the disk
-- finds: standby_b
-- says: keeps 12.0 GiB of the log without a limit
-- severity: error
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["standby_b", "physical", null, null, false, "extended", 12884901888, null, null, null, null, false]]

-- case: much, but limited
-- finds: standby_b
-- says: keeps 12.0 GiB of the log of at most 20.0 GiB
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, 20480, false]]
-- rows: replication_slots [["standby_b", "physical", null, null, false, "extended", 12884901888, 8589934592, null, null, null, false]]

-- case: VACUUM waits for it
-- finds: debezium
-- says: logical slot of shop, is read by nobody, and keeps 20.0 MiB of the log without a limit; VACUUM cannot remove what 5,000,000 transactions have deleted since
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["debezium", "logical", "pgoutput", "shop", false, "reserved", 20971520, null, 5000000, null, null, false]]

-- case: lost
-- finds: standby_b
-- says: is lost (wal_removed): its consumer cannot go on
-- fix: select pg_catalog.pg_drop_replication_slot('standby_b');
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, 1024, false]]
-- rows: replication_slots [["standby_b", "physical", null, null, false, "lost", null, null, null, 5, "wal_removed", false]]

-- case: about to be lost while it is read
-- finds: debezium
-- says: is about to be lost
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, 1024, false]]
-- rows: replication_slots [["debezium", "logical", "pgoutput", "shop", true, "unreserved", 2147483648, 0, null, null, null, false]]

-- case: made, and never read from
-- finds: standby_c
-- says: keeps nothing yet
-- severity: info
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["standby_c", "physical", null, null, false, null, null, null, null, null, null, false]]

-- case: no slots
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots []

-- case (near miss): read from, however far behind
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["standby_b", "physical", null, null, true, "extended", 12884901888, null, null, null, null, false]]

-- case (near miss): its consumer left a minute ago
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["standby_b", "physical", null, null, false, "reserved", 12884901888, null, null, 60, null, false]]

-- case (near miss): a copy on a standby
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: replication_slots [["debezium", "logical", "pgoutput", "shop", false, "reserved", 1073741824, null, null, 86400, null, true]]
