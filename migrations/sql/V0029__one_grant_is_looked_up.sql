-- Who holds a token sees what stands beside its grant. Its digest is named here once more: the rows of
-- grant_access that it sees are its own anyway, but the planner does not know that, and read through those
-- of all organizations to find them.
ALTER POLICY holder ON consent.custom_providers
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access WHERE token_digest = store.held_digest()));
ALTER POLICY holder ON consent.organization_policies
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access WHERE token_digest = store.held_digest()));
ALTER POLICY holder ON consent.shadow_limits
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access WHERE token_digest = store.held_digest()));
ALTER POLICY holder ON consent.model_aliases
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access WHERE token_digest = store.held_digest()));
