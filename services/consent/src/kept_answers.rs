//! `consent.kept_answers`: what was answered to calls with an idempotency key.

use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use server::{AnswerKeeper, Begun, Keeping, KeptAnswer, OnceCall};
use tokio_postgres::Row;

use crate::vault::Vault;

/// Keeps answers in this service's database, each for a day.
pub struct KeptAnswers(Vault);

const BEGIN: &str = "
    -- consent.begin_once
    INSERT INTO consent.kept_answers (tenant_id, user_id, key_digest, fingerprint, begun_at)
    VALUES (store.current_tenant(), $1, $2, $3, $4)
        ON CONFLICT (tenant_id, user_id, key_digest) DO NOTHING";

const FIND: &str = "
    -- consent.find_kept_answer
    SELECT fingerprint, status, content_type, body
      FROM consent.kept_answers
     WHERE user_id = $1 AND key_digest = $2";

const KEEP: &str = "
    -- consent.keep_answer
    UPDATE consent.kept_answers SET status = $3, content_type = $4, body = $5
     WHERE user_id = $1 AND key_digest = $2";

const FORGET: &str = "
    -- consent.forget_once
    DELETE FROM consent.kept_answers WHERE user_id = $1 AND key_digest = $2";

impl KeptAnswers {
    /// The kept answers of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    async fn begin_at(&self, call: &OnceCall, now: Timestamp) -> Result<Begun, DatabaseError> {
        let tx = self.0.begin("begin once", call.tenant).await?;
        let (user, key) = (call.user.uuid(), call.key.as_slice());
        let fingerprint = call.fingerprint.as_slice();
        // One of many at once is the first: the others wait here until it has committed.
        let first = tx
            .execute(BEGIN, &[&user, &key, &fingerprint, &now])
            .await?
            == 1;
        let begun = if first {
            Begun::First
        } else {
            known(&tx, call).await?
        };
        tx.commit().await?;
        Ok(begun)
    }

    async fn write(
        &self,
        call: &OnceCall,
        answer: Option<&KeptAnswer>,
    ) -> Result<(), DatabaseError> {
        let tx = self.0.begin("keep answer", call.tenant).await?;
        let (user, key) = (call.user.uuid(), call.key.as_slice());
        match answer {
            Some(answer) => {
                let status = i16::try_from(answer.status).ok();
                let (kind, body) = (&answer.content_type, &answer.body);
                tx.execute(KEEP, &[&user, &key, &status, kind, body])
                    .await?
            }
            None => tx.execute(FORGET, &[&user, &key]).await?,
        };
        tx.commit().await
    }
}

async fn known(tx: &Tx, call: &OnceCall) -> Result<Begun, DatabaseError> {
    let (user, key) = (call.user.uuid(), call.key.as_slice());
    let row = tx.query_opt(FIND, &[&user, &key]).await?;
    // Forgotten at this moment: whoever sends it once more is the first.
    Ok(row.map_or(Begun::Running, |row| begun(&row, call)))
}

fn begun(row: &Row, call: &OnceCall) -> Begun {
    if row.get::<_, &[u8]>("fingerprint") != call.fingerprint {
        return Begun::Other;
    }
    let status: Option<i16> = row.get("status");
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
        return Begun::Running;
    };
    Begun::Answered(KeptAnswer {
        status,
        content_type: row.get("content_type"),
        body: row.get("body"),
    })
}

impl AnswerKeeper for KeptAnswers {
    fn begin<'a>(&'a self, call: &'a OnceCall) -> Keeping<'a, Begun> {
        Box::pin(async move { Ok(self.begin_at(call, self.0.clock.now()).await?) })
    }

    fn keep<'a>(&'a self, call: &'a OnceCall, answer: &'a KeptAnswer) -> Keeping<'a, ()> {
        Box::pin(async move { Ok(self.write(call, Some(answer)).await?) })
    }

    fn forget<'a>(&'a self, call: &'a OnceCall) -> Keeping<'a, ()> {
        Box::pin(async move { Ok(self.write(call, None).await?) })
    }
}
