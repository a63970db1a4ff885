-- Answers to calls of the management API that were sent with an idempotency key, for a day. An answer that holds a
-- secret is not kept: its body stays NULL. Without a status the call is under way, or broke off.
CREATE TABLE consent.kept_answers (
    tenant_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    key_digest    bytea NOT NULL,
    fingerprint   bytea NOT NULL,
    begun_at      timestamptz NOT NULL,
    status        smallint,
    content_type  text,
    body          bytea,
    PRIMARY KEY (tenant_id, user_id, key_digest)
);
CREATE INDEX kept_answers_by_begin ON consent.kept_answers (begun_at);
ALTER TABLE consent.kept_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.kept_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.kept_answers
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY follower ON consent.kept_answers FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON consent.kept_answers TO latchkey_consent;
GRANT SELECT (tenant_id, begun_at) ON consent.kept_answers TO latchkey_follower;
