-- rule: expected-index-missing
-- object: public.audit_log
-- plants: the audit log lost its index on (org_id, action, at)
-- A migration dropped it as "unused": the counters came from a replica that never runs the auditors' report.
drop index public.audit_log_action_idx;
