alter table raw_checkpoint comment column audit_status 'ok, or the damage of the checkpoint: what the suite names under known damage, or the later step that has the same weights';
