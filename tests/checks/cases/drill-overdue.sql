-- case: never
-- finds: dbops_cases
-- says: no restore of it was ever proven from here
-- silent: did not pass
-- severity: warning
-- rows: restore_history [[null, null, 0, null]]

-- case: never, although a promise was made
-- finds: dbops_cases
-- severity: warning
-- policy: [objectives]
-- policy: drill_every = "7d"
-- rows: restore_history [[null, null, 0, null]]

-- case: tried, and never passed
-- finds: dbops_cases
-- says: ever proven from here; 2 drills since did not pass, the last one is fail
-- rows: restore_history [[null, null, 2, "fail"]]

-- case: too long ago
-- finds: dbops_cases
-- says: its last proven restore is 40d 2h ago (20260101T000000Z-abcdef), and one is due every 31d
-- severity: warning
-- rows: restore_history [[3463200, "20260101T000000Z-abcdef", 0, null]]

-- case: too long ago for what was declared
-- finds: dbops_cases
-- says: one is due every 7d; 1 drill since did not pass, the last one is inconclusive
-- severity: error
-- policy: [objectives]
-- policy: drill_every = "7d"
-- rows: restore_history [[691200, "20260101T000000Z-abcdef", 1, "inconclusive"]]

-- case: nobody looked
-- finds: skip

-- case: in time
-- finds: 0
-- rows: restore_history [[86400, "20260101T000000Z-abcdef", 0, null]]

-- case (near miss): on the last day, with a failure since
-- finds: 0
-- rows: restore_history [[2678400, "20260101T000000Z-abcdef", 1, "fail"]]
