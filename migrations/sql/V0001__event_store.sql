-- The event store, and what row-level security asks about every statement.

CREATE SCHEMA store;

-- The organization that the transaction acts for. Empty after COMMIT, hence NULLIF.
CREATE FUNCTION store.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.tenant', true), '')::uuid $$;

-- The digest of the credential that the caller holds: look-ups before it is known whose it is.
CREATE FUNCTION store.held_digest() RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT decode(NULLIF(current_setting('app.digest', true), ''), 'hex') $$;

-- The UTC day inside a UUID version 7, so that a partitioned key is still unique as a whole.
CREATE FUNCTION store.day_of_uuid7(id uuid) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (to_timestamp(('x' || lpad(left(replace(id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint / 1000.0)
                  AT TIME ZONE 'UTC')::date $$;

CREATE TABLE store.events (
    position        bigint GENERATED ALWAYS AS IDENTITY,
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    tenant_id       uuid NOT NULL,
    stream          text NOT NULL,
    version         integer NOT NULL CHECK (version > 0),
    id              uuid NOT NULL,
    type            text NOT NULL,
    schema          smallint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    actor           text NOT NULL,
    correlation_id  text NOT NULL,
    payload         jsonb NOT NULL,
    PRIMARY KEY (stream, version),
    UNIQUE (tenant_id, id)
);
CREATE INDEX events_in_order ON store.events (transaction_id, position);
CREATE INDEX events_of_tenant ON store.events (tenant_id, transaction_id, position);

-- One event for each call. The day is part of the key because the table is partitioned by it;
-- the check makes it a function of the id, so that a call cannot be recorded twice on two days.
CREATE TABLE store.call_events (
    position        bigint GENERATED ALWAYS AS IDENTITY,
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    tenant_id       uuid NOT NULL,
    day             date NOT NULL,
    id              uuid NOT NULL,
    type            text NOT NULL,
    schema          smallint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    correlation_id  text NOT NULL,
    payload         jsonb NOT NULL,
    PRIMARY KEY (day, id),
    CHECK (day = store.day_of_uuid7(id))
) PARTITION BY RANGE (day);
CREATE INDEX call_events_in_order ON store.call_events (transaction_id, position);
-- Catches a record outside every month, so that none is ever refused.
CREATE TABLE store.call_events_other PARTITION OF store.call_events DEFAULT;

-- Makes the partition of a month. Run as the owner, because no service may create tables.
CREATE FUNCTION store.ensure_call_month(first_day date) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month_start date := date_trunc('month', first_day)::date;
    partition text := 'call_events_' || to_char(month_start, 'YYYY_MM');
BEGIN
    IF to_regclass('store.' || partition) IS NULL THEN
        EXECUTE format('CREATE TABLE store.%I PARTITION OF store.call_events FOR VALUES FROM (%L) TO (%L)',
                       partition, month_start, (month_start + interval '1 month')::date);
        EXECUTE format('ALTER TABLE store.%I ENABLE ROW LEVEL SECURITY', partition);
        EXECUTE format('ALTER TABLE store.%I FORCE ROW LEVEL SECURITY', partition);
    END IF;
END $$;
REVOKE ALL ON FUNCTION store.ensure_call_month(date) FROM PUBLIC;

-- How far each projection and each relay has read.
CREATE TABLE store.checkpoints (
    name            text PRIMARY KEY,
    transaction_id  xid8 NOT NULL DEFAULT '0',
    position        bigint NOT NULL DEFAULT 0
);

-- Events are facts: nobody changes or removes one.
CREATE FUNCTION store.refuse_change() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'events are never changed or removed'; END $$;
CREATE TRIGGER events_are_facts BEFORE UPDATE OR DELETE ON store.events
    FOR EACH ROW EXECUTE FUNCTION store.refuse_change();
CREATE TRIGGER events_are_not_truncated BEFORE TRUNCATE ON store.events
    FOR EACH STATEMENT EXECUTE FUNCTION store.refuse_change();
CREATE TRIGGER call_events_are_facts BEFORE UPDATE OR DELETE ON store.call_events
    FOR EACH ROW EXECUTE FUNCTION store.refuse_change();
CREATE TRIGGER call_events_are_not_truncated BEFORE TRUNCATE ON store.call_events
    FOR EACH STATEMENT EXECUTE FUNCTION store.refuse_change();
