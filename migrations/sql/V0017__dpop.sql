-- Tokens that are bound to a key (RFC 9449): the thumbprint of the key (RFC 7638) beside what is bound to it.
ALTER TABLE consent.grant_access ADD COLUMN key_thumbprint text;
ALTER TABLE consent.refresh_tokens ADD COLUMN key_thumbprint text;
ALTER TABLE consent.authorization_codes ADD COLUMN key_thumbprint text;

-- Whether an app asked to be held to it (RFC 9449 section 5.2).
ALTER TABLE consent.apps ADD COLUMN dpop_bound boolean NOT NULL DEFAULT false;

-- Proofs of possession that were used here (RFC 9449 section 11.1): each counts once.
CREATE TABLE consent.dpop_proofs (
    digest      bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX dpop_proofs_by_end ON consent.dpop_proofs (expires_at);
ALTER TABLE consent.dpop_proofs ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.dpop_proofs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.dpop_proofs
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
CREATE POLICY follower ON consent.dpop_proofs FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT, INSERT, DELETE ON consent.dpop_proofs TO latchkey_consent;
GRANT SELECT (tenant_id, expires_at) ON consent.dpop_proofs TO latchkey_follower;
