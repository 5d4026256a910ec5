-- case: off, with an RPO declared
-- finds: archive_mode
-- says: is off: no segment of the log is archived; the RPO is 15m
-- fix: -- alter system set archive_mode = on;
-- severity: error
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "off", "", "unset", 60, -1, false]]
-- rows: wal_senders []

-- case: off, and nobody declared an RPO
-- finds: archive_mode
-- silent: RPO
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "off", "", "unset", 60, -1, false]]
-- rows: wal_senders []

-- case: off, with a minimal log
-- finds: archive_mode
-- says: wal_level is minimal, so nothing could be
-- fix: set wal_level = replica
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "minimal", "on", "off", "", "unset", 60, -1, false]]
-- rows: wal_senders []

-- case: off, but a standby has the log
-- finds: archive_mode
-- says: a standby has the log as well
-- severity: warning
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "off", "", "unset", 60, -1, false]]
-- rows: wal_senders [["walreceiver", "streaming"]]

-- case: off, and two that are sent the log to a role that is not shown more
-- finds: archive_mode
-- says: 2 standbys have the log as well
-- severity: warning
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "off", "", "unset", 60, -1, false]]
-- rows: wal_senders [["", null], ["berlin", null]]

-- case: on, without a command
-- finds: archive_command
-- says: segments pile up
-- severity: error
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "unset", 60, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: wal_senders []

-- case: a command that does nothing
-- finds: archive_command
-- says: every segment counts as archived, and none is
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "no-op", 60, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: wal_senders []

-- case: failing for longer than the declared RPO
-- finds: archiver
-- says: fails at 00000001000000000000002A, 12 times in all; the last success was 1h ago; 5 segments wait
-- severity: error
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: archiver [[120, 3600, 12, "00000001000000000000002A", 20, true]]
-- rows: archive_backlog [[5, 3500]]
-- rows: wal_senders []

-- case: failing for a minute
-- finds: archiver
-- says: once in all; the last success was 1m 30s ago
-- severity: warning
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: archiver [[120, 90, 1, "00000001000000000000002A", 20, true]]
-- rows: archive_backlog [[1, 60]]
-- rows: wal_senders []

-- case: never archived anything
-- finds: archiver
-- says: nothing was ever archived
-- severity: error
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: archiver [[0, null, 3, "000000010000000000000001", 20, true]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders []

-- case: a command that hangs fails never
-- finds: archiver
-- says: 40 segments wait, the oldest for 2h, more than the RPO of 15m; the command hangs
-- severity: warning
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: archiver [[120, 7300, 0, null, null, false]]
-- rows: archive_backlog [[40, 7200]]
-- rows: wal_senders []

-- case: a declared RPO that archive_timeout does not keep
-- finds: archive_timeout
-- says: is 1h, and the RPO is 15m
-- fix: alter system set archive_timeout = '300s';
-- severity: warning
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 3600, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders []

-- case: a declared RPO without any timeout
-- finds: archive_timeout
-- says: is off, and the RPO is 15m
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 0, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders []

-- case: the storage of the service keeps the log
-- finds: skip
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "off", "", "unset", 60, -1, true]]

-- case: archived within the RPO
-- finds: 0
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: archive_backlog [[1, 20]]
-- rows: wal_senders []

-- case: by a library
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "basic_archive", "unset", 60, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders []

-- case (near miss): it failed once, and has succeeded since
-- finds: 0
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 60, -1, false]]
-- rows: archiver [[120, 40, 3, "00000001000000000000002A", 600, false]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders []

-- case (near miss): off, but a program streams the log into an archive
-- finds: 0
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "off", "", "unset", 60, -1, false]]
-- rows: wal_senders [["barman_receive_wal", "streaming"], ["walreceiver", "streaming"]]

-- case (near miss): no timeout, and no RPO was declared
-- finds: 0
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 0, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders []

-- case (near miss): no timeout, but a standby has the running segment
-- finds: 0
-- policy: [objectives]
-- policy: rpo = "15m"
-- rows: durability_settings [[true, true, false, false, false, "on", 200, "replica", "on", "on", "", "set", 0, -1, false]]
-- rows: archiver [[120, 40, 0, null, null, false]]
-- rows: archive_backlog [[0, 0]]
-- rows: wal_senders [["walreceiver", "streaming"]]
