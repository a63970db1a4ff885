-- A grant whose token can no longer be collected ends: found across organizations, ended in each.
GRANT SELECT (delivered_at, led_back_at, code_expires_at) ON consent.delivery_channels TO latchkey_follower;
GRANT SELECT (tenant_id, grant_id, state) ON consent.grants TO latchkey_follower;
CREATE POLICY follower ON consent.grants FOR SELECT TO latchkey_follower USING (true);
CREATE INDEX delivery_channels_undelivered ON consent.delivery_channels (request_id) WHERE delivered_at IS NULL;
