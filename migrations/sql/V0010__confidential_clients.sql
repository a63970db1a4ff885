-- How an app proves that it is itself at the endpoints it calls directly.
ALTER TABLE consent.apps ADD COLUMN authentication jsonb NOT NULL DEFAULT '{"method": "none"}';

-- Secrets of apps that have one. Not a projection: digests do not belong in events.
CREATE TABLE consent.client_secrets (
    digest      bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    app_id      uuid NOT NULL,
    made_at     timestamptz NOT NULL
);
CREATE INDEX client_secrets_of_app ON consent.client_secrets (app_id);
ALTER TABLE consent.client_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.client_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.client_secrets
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, DELETE ON consent.client_secrets TO latchkey_consent;

-- Signed assertions of clients that were used (RFC 7523 section 3): each proves its client once.
CREATE TABLE consent.client_assertions (
    digest      bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX client_assertions_by_end ON consent.client_assertions (expires_at);
ALTER TABLE consent.client_assertions ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.client_assertions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.client_assertions
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY follower ON consent.client_assertions FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT, INSERT, DELETE ON consent.client_assertions TO latchkey_consent;
GRANT SELECT (tenant_id, expires_at) ON consent.client_assertions TO latchkey_follower;
