-- Every time the key service is asked to open a data key, written before it is asked: what is not written here is not
-- opened. Each row has its counterpart in the key service's own log, found by the encryption context.
CREATE TABLE consent.key_unwraps (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    key_id          uuid NOT NULL,
    version         integer NOT NULL,
    wrapping_key    text NOT NULL,
    asked_by        name NOT NULL DEFAULT current_user,
    correlation_id  text NOT NULL,
    asked_at        timestamptz NOT NULL
);
CREATE INDEX key_unwraps_of_key ON consent.key_unwraps (tenant_id, key_id, id);

ALTER TABLE consent.key_unwraps ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.key_unwraps FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.key_unwraps
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
-- Whoever opens keys writes and reads nothing; whoever owns them reads and writes nothing.
GRANT INSERT ON consent.key_unwraps TO latchkey_proxy;
GRANT SELECT ON consent.key_unwraps TO latchkey_consent;

CREATE TRIGGER key_unwraps_are_facts BEFORE UPDATE OR DELETE ON consent.key_unwraps
    FOR EACH ROW EXECUTE FUNCTION store.refuse_change();
CREATE TRIGGER key_unwraps_are_not_truncated BEFORE TRUNCATE ON consent.key_unwraps
    FOR EACH STATEMENT EXECUTE FUNCTION store.refuse_change();
