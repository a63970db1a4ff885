-- When the browser of an OAuth request went back to its app: it goes once, whoever decided and where.
ALTER TABLE consent.delivery_channels ADD COLUMN led_back_at timestamptz;

-- What a decision granted, which may be less than what was asked. The grant may change afterwards.
ALTER TABLE consent.access_requests ADD COLUMN granted jsonb;
UPDATE consent.access_requests r
   SET granted = e.payload->'details'
  FROM store.events e
 WHERE r.state = 'approved' AND e.stream = 'grant-' || r.grant_id AND e.type = 'grant.granted';

-- What is spent or expired is found across organizations and removed in each.
CREATE INDEX authorization_codes_by_end ON consent.authorization_codes (expires_at);
CREATE INDEX connect_tickets_by_end ON consent.connect_tickets (expires_at);
GRANT SELECT (tenant_id, expires_at) ON consent.authorization_codes, consent.connect_tickets TO latchkey_follower;
GRANT SELECT (tenant_id, request_id) ON consent.delivery_channels TO latchkey_follower;
CREATE POLICY follower ON consent.authorization_codes FOR SELECT TO latchkey_follower USING (true);
CREATE POLICY follower ON consent.connect_tickets FOR SELECT TO latchkey_follower USING (true);
CREATE POLICY follower ON consent.delivery_channels FOR SELECT TO latchkey_follower USING (true);
