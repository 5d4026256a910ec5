-- case: a cluster without
-- finds: data_checksums
-- fix: pg_checksums --enable
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "off", "on", "", "set", 60, -1, false]]

-- case: a cluster with checksums
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]

-- case (near miss): the storage has its own
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "off", "on", "", "set", 60, -1, true]]

-- case (near miss): they are being enabled while the server runs
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "inprogress-on", "on", "", "set", 60, -1, false]]
