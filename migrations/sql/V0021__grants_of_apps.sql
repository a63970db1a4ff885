-- An administrator stops one app for everybody: its grants are found by the id that it has in `app`.
CREATE INDEX grants_of_app ON consent.grants (tenant_id, (app->>'app'), grant_id);
