//! The table `consent.sealed_keys`: written by consent, which cannot read it; read by proxy.

use ids::{ProviderKeyId, TenantId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::{Row, types::FromSql};

use crate::{context::Place, remembered::Wanted};

/// A provider key, encrypted under a data key of its own and bound to its place.
pub struct SealedKey {
    pub(crate) place: Place,
    /// The name of the key that wraps the data key.
    pub(crate) wrapping_key: String,
    pub(crate) encrypted_data_key: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

const INSERT: &str = "
    -- consent.store_sealed_key
    INSERT INTO consent.sealed_keys
           (tenant_id, key_id, version, format, wrapping_key, encrypted_data_key, nonce, ciphertext, sealed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const DESTROY: &str = "
    -- consent.destroy_sealed_key
    DELETE FROM consent.sealed_keys WHERE tenant_id = $1 AND key_id = $2";

const DESTROY_BEFORE: &str = "
    -- consent.destroy_sealed_key_versions
    DELETE FROM consent.sealed_keys WHERE tenant_id = $1 AND key_id = $2 AND version < $3";

const VERSION: &str = "
    -- consent.sealed_key_of_version
    SELECT version, format, wrapping_key, encrypted_data_key, nonce, ciphertext
      FROM consent.sealed_keys
     WHERE tenant_id = $1
       AND key_id = $2
       AND version = $3";

const NEWEST: &str = "
    -- consent.newest_sealed_key
    SELECT version, format, wrapping_key, encrypted_data_key, nonce, ciphertext
      FROM consent.sealed_keys
     WHERE tenant_id = $1
       AND key_id = $2
     ORDER BY version DESC
     LIMIT 1";

impl SealedKey {
    /// Writes the row. The transaction is the one that appends the event it follows from.
    pub(crate) async fn store(&self, tx: &Tx, at: Timestamp) -> Result<(), DatabaseError> {
        tx.execute(
            INSERT,
            &[
                &self.place.tenant.uuid(),
                &self.place.key.uuid(),
                &self.place.version,
                &self.place.format(),
                &self.wrapping_key,
                &self.encrypted_data_key,
                &self.nonce,
                &self.ciphertext,
                &at,
            ],
        )
        .await?;
        Ok(())
    }

    /// Reads the wanted version, or the newest; `None` when there is no such row.
    pub(crate) async fn read(tx: &Tx, wanted: &Wanted) -> Result<Option<Self>, DatabaseError> {
        let (tenant, key) = (wanted.tenant, wanted.key);
        let row = match wanted.version {
            Some(version) => {
                tx.query_opt(VERSION, &[&tenant.uuid(), &key.uuid(), &version])
                    .await?
            }
            None => tx.query_opt(NEWEST, &[&tenant.uuid(), &key.uuid()]).await?,
        };
        row.map(|row| Self::from_row(&row, wanted)).transpose()
    }

    fn from_row(row: &Row, wanted: &Wanted) -> Result<Self, DatabaseError> {
        let place = Place {
            tenant: wanted.tenant,
            key: wanted.key,
            version: column(row, "version")?,
            origin: wanted.origin.clone(),
        };
        let format: i16 = column(row, "format")?;
        let sealed = Self {
            place,
            wrapping_key: column(row, "wrapping_key")?,
            encrypted_data_key: column(row, "encrypted_data_key")?,
            nonce: column(row, "nonce")?,
            ciphertext: column(row, "ciphertext")?,
        };
        // One that is written in the other way is bound elsewhere, and does not open.
        if !Place::is_known(format) {
            return Err(unreadable("format"));
        }
        Ok(sealed)
    }
}

/// Removes every version of a key; gives how many there were.
pub async fn destroy(tx: &Tx, tenant: TenantId, key: ProviderKeyId) -> Result<u64, DatabaseError> {
    tx.execute(DESTROY, &[&tenant.uuid(), &key.uuid()]).await
}

/// Removes the versions of a key that came before `version`; gives how many there were.
pub async fn destroy_before(
    tx: &Tx,
    tenant: TenantId,
    key: ProviderKeyId,
    version: i32,
) -> Result<u64, DatabaseError> {
    tx.execute(DESTROY_BEFORE, &[&tenant.uuid(), &key.uuid(), &version])
        .await
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, column: &'static str) -> Result<T, DatabaseError> {
    row.try_get(column).map_err(|_| unreadable(column))
}

const fn unreadable(column: &'static str) -> DatabaseError {
    DatabaseError::Row {
        table: "consent.sealed_keys",
        column,
    }
}
