-- How an app came to be registered, where no administrator did it. An app that belongs to no organization is the
-- vault's own: its rows have the tenant that no organization ever has, of zeros alone.
ALTER TABLE consent.apps ADD COLUMN registration jsonb;

-- Initial access tokens (RFC 7591 section 1.2): so many registrations, until then. Only the digest is here.
CREATE TABLE consent.registration_tokens (
    token_id            uuid PRIMARY KEY,
    tenant_id           uuid NOT NULL,
    digest              bytea NOT NULL UNIQUE,
    label               text NOT NULL,
    made_by             uuid NOT NULL,
    made_at             timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    registrations_left  integer NOT NULL CHECK (registrations_left >= 0),
    ended_at            timestamptz
);
CREATE INDEX registration_tokens_of_tenant ON consent.registration_tokens (tenant_id, made_at);
ALTER TABLE consent.registration_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.registration_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.registration_tokens
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY holder ON consent.registration_tokens FOR SELECT USING (digest = store.held_digest());
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.registration_tokens TO latchkey_consent;

-- What an app that registered itself reads and ends its registration with (RFC 7592). Not a projection: digests do not
-- belong in events.
CREATE TABLE consent.registration_access (
    digest     bytea PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    app_id     uuid NOT NULL
);
ALTER TABLE consent.registration_access ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.registration_access FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.registration_access
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY holder ON consent.registration_access FOR SELECT USING (digest = store.held_digest());
GRANT SELECT, INSERT, DELETE ON consent.registration_access TO latchkey_consent;
