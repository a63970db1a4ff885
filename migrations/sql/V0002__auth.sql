-- Who is this?

CREATE SCHEMA auth;

-- Projection of organization events. Found by the digest of its lower-case name before sign-in.
CREATE TABLE auth.organizations (
    tenant_id    uuid PRIMARY KEY,
    name         text NOT NULL,
    name_digest  bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL
);

-- Projection of user events.
CREATE TABLE auth.users (
    user_id    uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL,
    name       text NOT NULL,
    role       text NOT NULL,
    joined_at  timestamptz NOT NULL
);
CREATE INDEX users_of_tenant ON auth.users (tenant_id, joined_at);

-- Where a person can be reached. Apart from events, so that it can be forgotten.
CREATE TABLE auth.emails (
    tenant_id  uuid NOT NULL,
    email      text NOT NULL,
    user_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, email)
);

-- An identity provider of an organization. The client secret is sealed under KMS (encrypted).
CREATE TABLE auth.sso_connections (
    connection_id  uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    issuer         text NOT NULL,
    client_id      text NOT NULL,
    client_secret  bytea,
    created_at     timestamptz NOT NULL,
    UNIQUE (tenant_id, issuer)
);

-- A person at an identity provider, known by the provider's own subject and never by e-mail.
CREATE TABLE auth.identities (
    tenant_id      uuid NOT NULL,
    connection_id  uuid NOT NULL,
    subject        text NOT NULL,
    user_id        uuid NOT NULL,
    linked_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, subject)
);

-- A sign-in that is on its way to an identity provider. The digest is of the OAuth state.
CREATE TABLE auth.sso_attempts (
    digest          bytea PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    connection_id   uuid NOT NULL,
    browser_digest  bytea NOT NULL,
    nonce           text NOT NULL,
    verifier        text NOT NULL,
    next            text NOT NULL,
    expires_at      timestamptz NOT NULL
);

-- One-time sign-in links.
CREATE TABLE auth.sign_in_links (
    digest      bytea PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);

CREATE TABLE auth.sessions (
    digest        bytea PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    tenant_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    role          text NOT NULL,
    display_name  text NOT NULL,
    csrf          text NOT NULL,
    created_at    timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    ended_at      timestamptz
);

CREATE TABLE auth.api_tokens (
    digest        bytea PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    tenant_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    role          text NOT NULL,
    label         text NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz
);
CREATE INDEX api_tokens_of_user ON auth.api_tokens (tenant_id, user_id, created_at);
