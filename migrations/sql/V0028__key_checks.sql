-- When a provider was last to be asked whether it takes a key, and when it last said.
ALTER TABLE consent.provider_keys
    ADD COLUMN check_requested_at timestamptz,
    ADD COLUMN checked_at timestamptz;

-- Keys that nobody used or checked for long are found across organizations, by followers only.
GRANT SELECT (tenant_id, key_id, owner_id, state, stored_at, changed_at, check_requested_at)
    ON consent.provider_keys TO latchkey_follower;
CREATE POLICY follower ON consent.provider_keys FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT (tenant_id, key_id, id, asked_at) ON consent.key_unwraps TO latchkey_follower;
CREATE POLICY follower ON consent.key_unwraps FOR SELECT TO latchkey_follower USING (true);
