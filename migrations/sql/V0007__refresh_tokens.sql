-- What an app may come to the token endpoint with.
ALTER TABLE consent.apps ADD COLUMN grant_types jsonb NOT NULL DEFAULT '["authorization_code"]';

-- A grant may have several access tokens, one after the other: each may be narrower than the grant
-- and end before it. The proxy reads `details` and `expires_at`, which hold what follows from both.
ALTER TABLE consent.grant_access DROP CONSTRAINT grant_access_grant_id_key;
ALTER TABLE consent.grant_access ADD COLUMN narrowed jsonb, ADD COLUMN token_ends_at timestamptz;
CREATE INDEX grant_access_of_grant ON consent.grant_access (grant_id);
CREATE INDEX grant_access_by_end ON consent.grant_access (token_ends_at) WHERE token_ends_at IS NOT NULL;
GRANT SELECT (tenant_id, token_ends_at) ON consent.grant_access TO latchkey_follower;
CREATE POLICY follower ON consent.grant_access FOR SELECT TO latchkey_follower USING (true);

-- Refresh tokens (RFC 6749 section 6): one use each. All of a grant are one family.
CREATE TABLE consent.refresh_tokens (
    digest      bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    grant_id    uuid NOT NULL,
    user_id     uuid NOT NULL,
    client_id   text NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX refresh_tokens_by_end ON consent.refresh_tokens (expires_at);
ALTER TABLE consent.refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.refresh_tokens
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY holder ON consent.refresh_tokens FOR SELECT USING (digest = store.held_digest());
CREATE POLICY follower ON consent.refresh_tokens FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.refresh_tokens TO latchkey_consent;
GRANT SELECT (tenant_id, expires_at) ON consent.refresh_tokens TO latchkey_follower;
