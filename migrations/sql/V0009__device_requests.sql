-- Device authorization requests (RFC 8628): asked for on a device, decided in a person's browser. The
-- device is known by the digest of its device code, the person's browser by that of the user code.
CREATE TABLE consent.device_requests (
    digest            bytea PRIMARY KEY,
    tenant_id         uuid NOT NULL,
    user_code_digest  bytea NOT NULL,
    client_id         text NOT NULL,
    details           jsonb NOT NULL,
    expires_at        timestamptz NOT NULL,
    pause_seconds     integer NOT NULL,
    polled_at         timestamptz,
    request_id        uuid,
    UNIQUE (tenant_id, user_code_digest)
);
CREATE INDEX device_requests_by_end ON consent.device_requests (expires_at);
ALTER TABLE consent.device_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.device_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.device_requests
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY holder ON consent.device_requests FOR SELECT USING (digest = store.held_digest());
CREATE POLICY follower ON consent.device_requests FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.device_requests TO latchkey_consent;
GRANT SELECT (tenant_id, expires_at) ON consent.device_requests TO latchkey_follower;
