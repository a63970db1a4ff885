-- The spools of proxies. While one stands here, calls may be written down there that are neither in the ledger nor on
-- the way to it: limits that begin anew wait for its proxy, or for whoever takes it over. It belongs to no organization.
CREATE TABLE store.spools (
    number    bigint PRIMARY KEY,
    opened_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, DELETE ON store.spools TO latchkey_proxy;
GRANT SELECT, DELETE ON store.spools TO latchkey_billing;
