-- The spools of proxies. While one stands here, calls may be written down there that are in no ledger: limits that
-- begin anew wait for its proxy, or for whoever takes it over. It belongs to no organization and names none.
CREATE TABLE store.spools (
    number    bigint PRIMARY KEY,
    opened_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, DELETE ON store.spools TO latchkey_proxy;
GRANT SELECT, DELETE ON store.spools TO latchkey_billing;
