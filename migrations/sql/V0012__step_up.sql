-- The grant that an access request asks to widen, if it asks for more of one that its app has.
ALTER TABLE consent.access_requests ADD COLUMN extends uuid;
