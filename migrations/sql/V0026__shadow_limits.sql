-- Shadow limits: tighter limits of a grant or a budget that calls are counted against and never refused by.

-- Projection of grant events: the shadow limits that are tried now. The proxy reads them beside the grant.
CREATE TABLE consent.shadow_limits (
    shadow_id  uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    grant_id   uuid NOT NULL,
    provider   text NOT NULL,
    definition jsonb NOT NULL,
    set_at     timestamptz NOT NULL,
    UNIQUE (grant_id, provider)
);
CREATE INDEX shadow_limits_of_tenant ON consent.shadow_limits (tenant_id);
ALTER TABLE consent.shadow_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.shadow_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.shadow_limits
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
-- Who holds a token sees those of its organization: the rows of grant_access that it sees are its own.
CREATE POLICY holder ON consent.shadow_limits FOR SELECT TO latchkey_proxy
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access));
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.shadow_limits TO latchkey_consent;
GRANT SELECT ON consent.shadow_limits TO latchkey_proxy;

-- Those of a budget, with their id.
ALTER TABLE consent.budgets ADD COLUMN shadow jsonb, ADD COLUMN shadow_set_at timestamptz;

-- What shadow limits said of each call, and what that adds up to by day and by the limit that would have refused
-- it; '' for calls that fit, which are what the shadow's counters are refilled from.
ALTER TABLE billing.usage ADD COLUMN shadows jsonb;
CREATE TABLE billing.shadow_use_by_day (
    tenant_id         uuid NOT NULL,
    shadow_id         uuid NOT NULL,
    day               date NOT NULL,
    would_refuse      text NOT NULL,
    user_id           uuid NOT NULL,
    calls             bigint NOT NULL,
    cost_nanodollars  bigint NOT NULL,
    first_at          timestamptz NOT NULL,
    last_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, shadow_id, day, would_refuse, user_id)
);
CREATE INDEX shadow_use_of_day ON billing.shadow_use_by_day (day);
ALTER TABLE billing.shadow_use_by_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.shadow_use_by_day FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billing.shadow_use_by_day
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON billing.shadow_use_by_day TO latchkey_billing;
GRANT SELECT ON billing.shadow_use_by_day TO latchkey_follower;
CREATE POLICY follower ON billing.shadow_use_by_day FOR SELECT TO latchkey_follower USING (true);
