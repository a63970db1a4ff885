-- Projection of custom provider events: the providers that an organization adds to the built-in ones.
CREATE TABLE consent.custom_providers (
    provider_id  uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    name         text NOT NULL,
    definition   jsonb NOT NULL,
    added_at     timestamptz NOT NULL,
    UNIQUE (tenant_id, name)
);
ALTER TABLE consent.custom_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.custom_providers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.custom_providers
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
-- Who holds a token sees those of its organization: the rows of grant_access that it sees are its own.
CREATE POLICY holder ON consent.custom_providers FOR SELECT TO latchkey_proxy
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access));
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.custom_providers TO latchkey_consent;
GRANT SELECT ON consent.custom_providers TO latchkey_proxy;
