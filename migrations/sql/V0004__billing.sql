-- What did it cost?

CREATE SCHEMA billing;

-- Projection of call events: one row for each call.
CREATE TABLE billing.usage (
    day            date NOT NULL,
    call_id        uuid NOT NULL,
    tenant_id      uuid NOT NULL,
    grant_id       uuid NOT NULL,
    user_id        uuid NOT NULL,
    app_id         uuid,
    app_name       text NOT NULL,
    provider       text NOT NULL,
    key_id         uuid NOT NULL,
    model          text NOT NULL,
    capability     text NOT NULL,
    route          text NOT NULL,
    stream         boolean NOT NULL,
    outcome        text NOT NULL,
    measurement    text NOT NULL,
    provider_status smallint,
    input_tokens   bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_tokens  bigint NOT NULL,
    output_tokens  bigint NOT NULL,
    reasoning_tokens    bigint NOT NULL,
    reserved_nanodollars bigint NOT NULL,
    cost_nanodollars bigint NOT NULL CHECK (cost_nanodollars >= 0),
    price_version  text NOT NULL,
    request_id     text NOT NULL,
    began_at       timestamptz NOT NULL,
    ended_at       timestamptz NOT NULL,
    PRIMARY KEY (day, call_id)
);
CREATE INDEX usage_of_tenant ON billing.usage (tenant_id, began_at, call_id);
CREATE INDEX usage_of_grant ON billing.usage (tenant_id, grant_id, began_at);

-- Projection of call events, rolled up by UTC day: what limits are refilled from, and pages read.
CREATE TABLE billing.usage_by_day (
    tenant_id         uuid NOT NULL,
    day               date NOT NULL,
    grant_id          uuid NOT NULL,
    provider          text NOT NULL,
    model             text NOT NULL,
    user_id           uuid NOT NULL,
    app_name          text NOT NULL,
    calls             bigint NOT NULL,
    estimated_calls   bigint NOT NULL,
    input_tokens      bigint NOT NULL,
    output_tokens     bigint NOT NULL,
    cost_nanodollars  bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, grant_id, provider, model)
);
