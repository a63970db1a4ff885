-- Budgets: what an organization lets be spent above its grants, as a whole, by one person, by one app or at one
-- provider.

-- Projection of budget events: the budgets in force. The proxy reads it; each call counts against those that cover it.
CREATE TABLE consent.budgets (
    budget_id   uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    scope_key   text NOT NULL,
    scope       jsonb NOT NULL,
    amounts     jsonb NOT NULL,
    label       text,
    set_at      timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    -- One for each scope, so that few apply to one call.
    UNIQUE (tenant_id, scope_key)
);
ALTER TABLE consent.budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.budgets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.budgets
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.budgets TO latchkey_consent;
GRANT SELECT ON consent.budgets TO latchkey_proxy;

-- Which budgets a call counted against, and what of each was used: limits are refilled from it.
ALTER TABLE billing.usage ADD COLUMN budgets uuid[] NOT NULL DEFAULT '{}';
CREATE TABLE billing.budget_use_by_day (
    tenant_id         uuid NOT NULL,
    budget_id         uuid NOT NULL,
    day               date NOT NULL,
    calls             bigint NOT NULL,
    cost_nanodollars  bigint NOT NULL,
    PRIMARY KEY (tenant_id, budget_id, day)
);
CREATE INDEX budget_use_of_day ON billing.budget_use_by_day (day);
ALTER TABLE billing.budget_use_by_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.budget_use_by_day FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billing.budget_use_by_day
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON billing.budget_use_by_day TO latchkey_billing;
GRANT SELECT ON billing.budget_use_by_day TO latchkey_follower;
CREATE POLICY follower ON billing.budget_use_by_day FOR SELECT TO latchkey_follower USING (true);
