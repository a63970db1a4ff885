-- Every decision about a person's vault. A projection of the events of requests and grants.
CREATE TABLE consent.decisions (
    decision_id  uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('granted', 'denied', 'widened', 'changed', 'revoked')),
    actor        text NOT NULL,
    app          jsonb NOT NULL,
    request_id   uuid,
    grant_id     uuid,
    asked        jsonb,
    granted      jsonb,
    reason       text,
    decided_at   timestamptz NOT NULL
);
CREATE INDEX decisions_of_user ON consent.decisions (tenant_id, user_id, decision_id);
ALTER TABLE consent.decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent.decisions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON consent.decisions
    USING (tenant_id = store.current_tenant()) WITH CHECK (tenant_id = store.current_tenant());
GRANT SELECT, INSERT, DELETE ON consent.decisions TO latchkey_consent;

-- What was decided before.
INSERT INTO consent.decisions
       (decision_id, tenant_id, user_id, kind, actor, app, request_id, grant_id, asked, granted, reason, decided_at)
SELECT e.id, e.tenant_id, g.user_id, substr(e.type, 7), e.actor, g.app, r.request_id, g.grant_id, r.details,
       e.payload->'details', e.payload->>'reason', e.occurred_at
  FROM store.events e
  JOIN consent.grants g ON e.stream = 'grant-' || g.grant_id
  LEFT JOIN consent.access_requests r ON r.request_id = g.request_id AND e.type = 'grant.granted'
 WHERE e.type IN ('grant.granted', 'grant.changed', 'grant.revoked');
INSERT INTO consent.decisions
       (decision_id, tenant_id, user_id, kind, actor, app, request_id, asked, reason, decided_at)
SELECT e.id, e.tenant_id, r.user_id, 'denied', e.actor, r.app, r.request_id, r.details, e.payload->>'reason', e.occurred_at
  FROM store.events e
  JOIN consent.access_requests r ON e.stream = 'access_request-' || r.request_id
 WHERE e.type = 'access_request.denied';
