-- case: the object is misspelt
-- finds: no-primary-key public.visits
-- today: 2026-07-01
-- policy: [[audit.waive]]
-- policy: rule = "no-primary-key"
-- policy: object = "public.visits"
-- policy: reason = "a log that is only appended to"
-- policy: owner = "platform"
-- policy: expires = 2026-12-31
create table visit (at date);

-- case: no such rule
-- finds: no-primary-keys *
-- says: there is no such rule; did you mean no-primary-key?
-- today: 2026-07-01
-- policy: [[audit.waive]]
-- policy: rule = "no-primary-keys"
-- policy: reason = "a log that is only appended to"
-- policy: owner = "platform"
-- policy: expires = 2026-12-31
create table visit (at date);

-- case: it accepts something
-- finds: 0
-- today: 2026-07-01
-- policy: [[audit.waive]]
-- policy: rule = "no-primary-key"
-- policy: object = "public.vis*"
-- policy: reason = "a log that is only appended to"
-- policy: owner = "platform"
-- policy: expires = 2026-12-31
create table visit (at date);

-- case (near miss): its rule was skipped, so nothing can be said
-- finds: 0
-- today: 2026-07-01
-- policy: [[audit.waive]]
-- policy: rule = "rls-disabled"
-- policy: reason = "one tenant only"
-- policy: owner = "platform"
-- policy: expires = 2026-12-31
create table visit (org_id bigint primary key);
