//! Messages between the bus and the store.

use event_bus::{BusError, Delivery};
use futures_util::future::join_all;

use crate::recording::message::{CallMessage, Poison, read_all};

/// A message, and what of it is to be stored.
pub(super) struct Taken {
    pub(super) calls: Vec<CallMessage>,
    /// Why a record of it can never be stored. The others are; then the message goes where a
    /// person looks at it.
    pub(super) poison: Option<Poison>,
    delivery: Delivery,
}

impl Taken {
    fn read(delivery: Delivery) -> Self {
        let mut taken = Self {
            calls: Vec::new(),
            poison: None,
            delivery,
        };
        for record in read_all(&taken.delivery.body) {
            match record {
                Ok(call) => taken.calls.push(call),
                Err(poison) => taken.poison = Some(poison),
            }
        }
        taken
    }

    /// Tells the broker that all is stored that can be.
    pub(super) async fn answer(self) -> Result<(), BusError> {
        let Some(poison) = self.poison else {
            return self.delivery.ack().await;
        };
        let message = self.delivery.id.as_deref().unwrap_or("unnamed").to_owned();
        tracing::error!(message.id = %message, reason = %poison, "records of calls go to the dead letters");
        metrics::counter!("latchkey_call_messages_rejected_total", "reason" => poison.name())
            .increment(1);
        self.delivery.reject_to_dead_letters().await
    }
}

/// Keeps what can be recorded; a message without any such record is answered.
pub(super) async fn sort_out(batch: Vec<Delivery>) -> Vec<Taken> {
    let (taken, hopeless): (Vec<Taken>, Vec<Taken>) = batch
        .into_iter()
        .map(Taken::read)
        .partition(|taken| !taken.calls.is_empty());
    answer_all(hopeless.into_iter().map(Taken::answer)).await;
    taken
}

/// What the broker did not hear comes again, and is then known.
pub(super) async fn answer_all(
    answers: impl Iterator<Item = impl Future<Output = Result<(), BusError>>>,
) {
    let unheard = join_all(answers)
        .await
        .into_iter()
        .filter(Result::is_err)
        .count();
    if unheard > 0 {
        tracing::warn!(
            unheard,
            "answers did not reach the broker; these messages come again"
        );
    }
}
