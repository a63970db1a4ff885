-- Grants that an app made from its own (RFC 8693): each names the grants above it, the parent first,
-- and what the exchanged token had been narrowed to.
ALTER TABLE consent.grants ALTER COLUMN request_id DROP NOT NULL;
ALTER TABLE consent.grants
    ADD COLUMN ancestors uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN within jsonb,
    -- The grant that a person gave, at the top.
    ADD COLUMN root_id uuid GENERATED ALWAYS AS (ancestors[cardinality(ancestors)]) STORED;
CREATE INDEX grants_of_root ON consent.grants (root_id, expires_at) WHERE root_id IS NOT NULL;

-- With the limits of each grant above, which a call counts against too. NULL where there is none.
ALTER TABLE consent.grant_access ADD COLUMN ancestors jsonb;

-- A call is one row, of its own grant. Limits are refilled for the grants above from the same rows.
ALTER TABLE billing.usage ADD COLUMN ancestors uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE billing.usage_by_day ADD COLUMN ancestors uuid[] NOT NULL DEFAULT '{}';
