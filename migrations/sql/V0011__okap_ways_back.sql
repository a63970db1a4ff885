-- How the answer to an access request goes back, besides a poll secret and an OAuth redirect: the browser is sent to
-- the app's callback with a code that is worth nothing without the poll secret, or the page that opened the vault in
-- a popup is told. One way for each request.

ALTER TABLE consent.delivery_channels
    ADD COLUMN callback        text,
    ADD COLUMN code_digest     bytea,
    ADD COLUMN code_expires_at timestamptz,
    ADD COLUMN opener          text,
    ADD CONSTRAINT one_way_back CHECK (num_nonnulls(oauth, callback, opener) <= 1),
    ADD CONSTRAINT code_for_a_callback CHECK (code_digest IS NULL OR (callback IS NOT NULL AND code_expires_at IS NOT NULL));
