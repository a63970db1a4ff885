-- One role for each service, and row-level security forced on every table that has a tenant.
-- The roles themselves are made before migrations run: they belong to the server, not the database.

GRANT USAGE ON SCHEMA store TO latchkey_auth, latchkey_consent, latchkey_proxy, latchkey_billing, latchkey_follower;
GRANT USAGE ON SCHEMA auth TO latchkey_auth, latchkey_consent, latchkey_billing;
GRANT USAGE ON SCHEMA consent TO latchkey_consent, latchkey_proxy, latchkey_billing;
GRANT USAGE ON SCHEMA billing TO latchkey_billing;

-- Events: appended by the services that decide, calls by billing; read across tenants by followers.
GRANT SELECT, INSERT ON store.events TO latchkey_auth, latchkey_consent;
GRANT SELECT, INSERT ON store.call_events TO latchkey_billing;
GRANT SELECT ON store.events, store.call_events TO latchkey_follower;
GRANT SELECT, INSERT, UPDATE ON store.checkpoints TO latchkey_auth, latchkey_consent, latchkey_billing;
GRANT EXECUTE ON FUNCTION store.ensure_call_month(date) TO latchkey_billing;

-- auth writes who people are; sessions and API tokens are read wherever a person may come in.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth TO latchkey_auth;
GRANT SELECT ON auth.sessions, auth.api_tokens TO latchkey_consent, latchkey_billing;
GRANT UPDATE (last_seen_at) ON auth.sessions TO latchkey_consent, latchkey_billing;

-- consent writes what was allowed; it can write sealed keys and remove them, not read them.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA consent TO latchkey_consent;
REVOKE SELECT, UPDATE ON consent.sealed_keys FROM latchkey_consent;
GRANT SELECT (tenant_id, key_id, version) ON consent.sealed_keys TO latchkey_consent;
GRANT SELECT ON consent.sealed_keys, consent.grant_access TO latchkey_proxy;

-- billing writes what it cost, and asks which grants are closed when it refills limits.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA billing TO latchkey_billing;

DO $$
DECLARE
    found record;
    by_digest text[] := ARRAY['auth.organizations:name_digest', 'auth.sso_attempts:digest', 'auth.sign_in_links:digest',
        'auth.sessions:digest', 'auth.api_tokens:digest', 'consent.apps:client_digest',
        'consent.delivery_channels:poll_digest', 'consent.grant_access:token_digest',
        'consent.authorization_codes:digest', 'consent.handles:digest', 'consent.connect_tickets:digest'];
    digest_column text;
    allowed text;
BEGIN
    FOR found IN
        SELECT n.nspname AS schema_name, c.relname AS table_name
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE n.nspname IN ('store', 'auth', 'consent', 'billing') AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', found.schema_name, found.table_name);
        EXECUTE format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', found.schema_name, found.table_name);
        SELECT split_part(entry, ':', 2) INTO digest_column FROM unnest(by_digest) AS entry
         WHERE split_part(entry, ':', 1) = found.schema_name || '.' || found.table_name;
        allowed := 'tenant_id = store.current_tenant()';
        EXECUTE format('CREATE POLICY tenant ON %I.%I USING (%s) WITH CHECK (%s)',
                       found.schema_name, found.table_name, allowed, allowed);
        IF digest_column IS NOT NULL THEN
            EXECUTE format('CREATE POLICY holder ON %I.%I FOR SELECT USING (%I = store.held_digest())',
                           found.schema_name, found.table_name, digest_column);
        END IF;
    END LOOP;
END $$;

-- Followers read events and the roll-up of every tenant, and write nothing.
CREATE POLICY follower ON store.events FOR SELECT TO latchkey_follower USING (true);
CREATE POLICY follower ON store.call_events FOR SELECT TO latchkey_follower USING (true);
GRANT USAGE ON SCHEMA billing, consent TO latchkey_follower;
GRANT SELECT ON billing.usage_by_day TO latchkey_follower;
CREATE POLICY follower ON billing.usage_by_day FOR SELECT TO latchkey_follower USING (true);
GRANT SELECT ON consent.access_requests TO latchkey_follower;
CREATE POLICY follower ON consent.access_requests FOR SELECT TO latchkey_follower USING (true);
