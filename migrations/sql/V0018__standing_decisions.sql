-- What a person decided once for all later requests of an app: apps that they block, and rules by which an app is
-- granted at once.

-- At which handle a request asked, what identifies its app, and who decided where nobody was asked.
ALTER TABLE consent.access_requests
    ADD COLUMN handle_id uuid,
    ADD COLUMN app_key   text,
    ADD COLUMN rule_id   uuid,
    ADD COLUMN unasked   boolean NOT NULL DEFAULT false;
UPDATE consent.access_requests
   SET app_key = CASE WHEN app->>'app' IS NOT NULL THEN 'client:' || (app->>'app')
                      WHEN app->>'verification' = 'domain_verified' THEN 'domain:' || substring(app->>'url' FROM '^https?://([^/:?#]+)')
                 END;
CREATE INDEX access_requests_at_handle ON consent.access_requests (tenant_id, handle_id, received_at)
    WHERE handle_id IS NOT NULL;
CREATE INDEX access_requests_of_app ON consent.access_requests (tenant_id, user_id, app_key)
    WHERE app_key IS NOT NULL;
CREATE INDEX access_requests_of_rule ON consent.access_requests (tenant_id, rule_id)
    WHERE rule_id IS NOT NULL;

-- Projection of blocked app events: the blocks in force.
CREATE TABLE consent.blocked_apps (
    block_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    app_key     text NOT NULL,
    key         jsonb NOT NULL,
    app         jsonb NOT NULL,
    blocked_at  timestamptz NOT NULL,
    UNIQUE (tenant_id, user_id, app_key)
);

-- Projection of approval rule events: the rules in force.
CREATE TABLE consent.approval_rules (
    rule_id     uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    app_key     text NOT NULL,
    key         jsonb NOT NULL,
    name        text NOT NULL,
    terms       jsonb NOT NULL,
    written_at  timestamptz NOT NULL
);
CREATE INDEX approval_rules_of_app ON consent.approval_rules (tenant_id, user_id, app_key);

ALTER TABLE consent.blocked_apps ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.blocked_apps FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.blocked_apps
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.blocked_apps TO latchkey_consent;
ALTER TABLE consent.approval_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.approval_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.approval_rules
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.approval_rules TO latchkey_consent;
