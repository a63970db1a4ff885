-- Pushed authorization requests (RFC 9126): what a client asked for before its browser came. One use:
-- it becomes at most one access request.
CREATE TABLE consent.pushed_requests (
    digest      bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    client_id   text NOT NULL,
    parameters  jsonb NOT NULL,
    expires_at  timestamptz NOT NULL,
    opened_at   timestamptz,
    request_id  uuid
);
CREATE INDEX pushed_requests_by_end ON consent.pushed_requests (expires_at);
ALTER TABLE consent.pushed_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.pushed_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.pushed_requests
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY holder ON consent.pushed_requests FOR SELECT USING (digest = store.held_digest());
CREATE POLICY follower ON consent.pushed_requests FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.pushed_requests TO latchkey_consent;
GRANT SELECT (tenant_id, expires_at) ON consent.pushed_requests TO latchkey_follower;
