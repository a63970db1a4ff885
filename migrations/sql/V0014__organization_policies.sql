-- Projection of organization policy events: what an organization lets its people allow.
CREATE TABLE consent.organization_policies (
    tenant_id   uuid PRIMARY KEY,
    rules       jsonb NOT NULL,
    changed_at  timestamptz NOT NULL
);
ALTER TABLE consent.organization_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.organization_policies FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.organization_policies
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.organization_policies TO latchkey_consent;
