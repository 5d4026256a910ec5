-- case: its day has passed
-- finds: no-primary-key public.visit
-- today: 2026-07-02
-- says: expired on 2026-07-01
-- policy: [[audit.waive]]
-- policy: rule = "no-primary-key"
-- policy: object = "public.visit"
-- policy: reason = "a log that is only appended to"
-- policy: owner = "platform"
-- policy: expires = 2026-07-01
create table visit (at date);

-- case: no waiver at all
-- finds: 0
create table visit (at date);

-- case (near miss): its last day
-- finds: 0
-- today: 2026-07-01
-- policy: [[audit.waive]]
-- policy: rule = "no-primary-key"
-- policy: object = "public.visit"
-- policy: reason = "a log that is only appended to"
-- policy: owner = "platform"
-- policy: expires = 2026-07-01
create table visit (at date);
