-- What did they allow?

CREATE SCHEMA consent;

-- Projection of provider key events.
CREATE TABLE consent.provider_keys (
    key_id      uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    owner_id    uuid NOT NULL,
    provider    text NOT NULL,
    name        text NOT NULL,
    last_four   text NOT NULL,
    version     integer NOT NULL,
    state       text NOT NULL CHECK (state IN ('usable', 'invalid', 'deleted')),
    stored_at   timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL
);
CREATE INDEX provider_keys_of_tenant ON consent.provider_keys (tenant_id, owner_id, provider);

-- Provider keys, sealed (encrypted). Written by consent, which cannot open them; read by proxy.
CREATE TABLE consent.sealed_keys (
    tenant_id           uuid NOT NULL,
    key_id              uuid NOT NULL,
    version             integer NOT NULL,
    format              smallint NOT NULL,
    wrapping_key        text NOT NULL,
    encrypted_data_key  bytea NOT NULL,
    nonce               bytea NOT NULL,
    ciphertext          bytea NOT NULL,
    sealed_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_id, version)
);

-- Projection of app events. Found by the digest of the client id before anyone has signed in.
CREATE TABLE consent.apps (
    app_id         uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    client_digest  bytea NOT NULL UNIQUE,
    name           text NOT NULL,
    url            text,
    redirect_uris  jsonb NOT NULL,
    state          text NOT NULL CHECK (state IN ('registered', 'removed')),
    registered_at  timestamptz NOT NULL
);
CREATE INDEX apps_of_tenant ON consent.apps (tenant_id, registered_at);

-- Projection of access request events.
CREATE TABLE consent.access_requests (
    request_id   uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    transport    text NOT NULL,
    app          jsonb NOT NULL,
    details      jsonb NOT NULL,
    state        text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'abandoned')),
    reason       text,
    grant_id     uuid,
    received_at  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    decided_at   timestamptz
);
CREATE INDEX access_requests_pending ON consent.access_requests (tenant_id, user_id, received_at)
    WHERE state = 'pending';
CREATE INDEX access_requests_of_user ON consent.access_requests (tenant_id, user_id, received_at);

-- The one way the answer to an access request goes back: to the holder of a poll secret, or
-- through a redirect. Not a projection: it holds digests and OAuth parameters.
CREATE TABLE consent.delivery_channels (
    request_id     uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    poll_digest    bytea UNIQUE,
    oauth          jsonb,
    delivered_at   timestamptz
);

-- Projection of grant events.
CREATE TABLE consent.grants (
    grant_id    uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    request_id  uuid NOT NULL,
    app         jsonb NOT NULL,
    details     jsonb NOT NULL,
    state       text NOT NULL CHECK (state IN ('live', 'revoked')),
    reason      text,
    granted_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX grants_of_user ON consent.grants (tenant_id, user_id, granted_at);
CREATE INDEX grants_of_tenant ON consent.grants (tenant_id, granted_at);

-- What a token may do: written by consent, read by proxy. Only the token's digest is here.
CREATE TABLE consent.grant_access (
    token_digest  bytea PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    grant_id      uuid NOT NULL UNIQUE,
    user_id       uuid NOT NULL,
    app           jsonb NOT NULL,
    details       jsonb NOT NULL,
    expires_at    timestamptz NOT NULL,
    closed_at     timestamptz,
    version       integer NOT NULL
);

-- Authorization codes (RFC 6749 section 4.1.2): one use, a minute to live.
CREATE TABLE consent.authorization_codes (
    digest          bytea PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    request_id      uuid NOT NULL,
    grant_id        uuid NOT NULL,
    client_id       text NOT NULL,
    redirect_uri    text NOT NULL,
    code_challenge  text NOT NULL,
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz
);

-- Vault addresses: they let someone ask.
CREATE TABLE consent.handles (
    handle_id   uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    digest      bytea NOT NULL UNIQUE,
    handle      text NOT NULL,
    label       text NOT NULL,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE INDEX handles_of_user ON consent.handles (tenant_id, user_id, created_at);

-- Connect tickets: one use, minutes to live, with a ceiling.
CREATE TABLE consent.connect_tickets (
    ticket_id   uuid PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    label       text NOT NULL,
    ceiling     jsonb,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX connect_tickets_of_user ON consent.connect_tickets (tenant_id, user_id, created_at);
