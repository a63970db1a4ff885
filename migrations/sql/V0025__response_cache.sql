-- Answers that a proxy keeps, for apps that ask for it where the organization's policy lets them.

-- Who holds a token sees the policy of its organization, as it sees the providers that this added.
CREATE POLICY holder ON consent.organization_policies FOR SELECT TO latchkey_proxy
    USING (tenant_id IN (SELECT tenant_id FROM consent.grant_access));
GRANT SELECT (tenant_id, rules) ON consent.organization_policies TO latchkey_proxy;

-- Whether a call was answered from there: no provider was asked, and it cost nothing.
ALTER TABLE billing.usage ADD COLUMN cached boolean NOT NULL DEFAULT false;
