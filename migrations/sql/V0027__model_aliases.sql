-- Projection of model alias events: the names that an organization gives to several models together.
CREATE TABLE consent.model_aliases (
    alias_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    name        text NOT NULL,
    definition  jsonb NOT NULL,
    set_at      timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    UNIQUE (tenant_id, name)
);
ALTER TABLE consent.model_aliases ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.model_aliases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.model_aliases
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
-- Who holds a token sees those of its organization: the rows of grant_access that it sees are its own.
CREATE POLICY holder ON consent.model_aliases FOR SELECT TO latchkey_proxy
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access));
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.model_aliases TO latchkey_consent;
GRANT SELECT ON consent.model_aliases TO latchkey_proxy;
