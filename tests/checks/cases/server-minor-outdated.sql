-- case: a server that lacks fixes
-- finds: the server
-- says: PostgreSQL 15.18 lacks fixes: 15.20 is current as of 2026-11
-- severity: warning
-- rows: server_release [[150018, "15.18"]]

-- case: a server past its end
-- finds: the server
-- says: PostgreSQL 13 is past its end of life
-- rows: server_release [[130023, "13.23"]]

-- case: client programs that lack fixes
-- finds: pg_dump, pg_restore, psql
-- says: PostgreSQL 15.18 lacks fixes: 15.20 is current as of 2026-11 (installed)
-- severity: warning
-- rows: server_release [[150020, "15.20"]]
-- rows: client_programs [[["pg_dump", "pg_restore", "psql"], 150018, "installed"]]

-- case: both, each by itself
-- finds: pg_dump, pg_restore, the server
-- rows: server_release [[180006, "18.6"]]
-- rows: client_programs [[["pg_dump", "pg_restore"], 180006, "installed"]]

-- case: current
-- finds: 0
-- rows: server_release [[150020, "15.20"]]
-- rows: client_programs [[["pg_dump"], 180007, "installed"]]

-- case (near miss): a major that this version does not know
-- finds: 0
-- rows: server_release [[190000, "19beta1"]]

-- case (near miss): newer than this version knows
-- finds: 0
-- rows: server_release [[160021, "16.21"]]
