//! One provider after the other, until one answers.

use std::{sync::Arc, time::Instant};

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    call::{
        gate::Gate,
        one::{
            Answered,
            asked::{Candidate, Candidates},
            choice::Choice,
        },
    },
    error::Refusal,
};

impl Candidates {
    /// Asks one after the other. Nothing has gone to the app while there is a next one.
    pub(super) async fn answer(mut self, gate: &Arc<Gate>) -> Answered {
        let began = Instant::now();
        let mut choices = std::mem::take(&mut self.choices).into_iter().peekable();
        while let Some(choice) = choices.next() {
            let outcome = match self.call_to(&choice) {
                Ok(candidate) => attempt(candidate, &choice, gate).await,
                Err(refusal) => Err(refusal),
            };
            let time_is_up = began.elapsed() >= gate.bounds.total;
            if choices.peek().is_none() || time_is_up || !has_failed(&outcome) {
                return (Some(choice), outcome);
            }
            let provider = choice.upstream.name().to_string();
            tracing::info!(%provider, "a provider failed; the next one that the app named is asked");
            metrics::counter!("latchkey_fallbacks_total", "provider" => provider).increment(1);
        }
        (None, Err(Refusal::Fault))
    }
}

/// One call, through every stage. If it fails, it is settled when this returns.
async fn attempt(
    candidate: Candidate,
    choice: &Choice,
    gate: &Arc<Gate>,
) -> Result<HttpResponse, Refusal> {
    let mut authorized = candidate.authorize(gate).await?;
    if let Some(kept) = authorized.look_up(gate)? {
        return authorized.answer_again(gate, &kept).await;
    }
    let reserved = authorized.reserve(gate).await?.rehearse()?;
    let payer = match reserved.open_key(gate).await {
        Ok(payer) => payer,
        Err(refusal) => {
            reserved.give_back().await;
            return Err(refusal);
        }
    };
    let asked = Instant::now();
    let sent = reserved.send(gate, &payer).await;
    gate.latencies.note(choice, asked.elapsed());
    drop(payer);
    sent?.answer(gate).await
}

/// Whether another provider may do better: this one could not be reached, was late, had too much to
/// do, broke, or refused its key. What the vault itself refuses, it refuses for good.
fn has_failed(outcome: &Result<HttpResponse, Refusal>) -> bool {
    let by_status =
        |status: StatusCode| status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    match outcome {
        Ok(answer) => by_status(answer.status()),
        Err(Refusal::Provider { status, .. }) => StatusCode::from_u16(*status).is_ok_and(by_status),
        Err(refusal) => matches!(
            refusal,
            Refusal::ProviderUnreachable(_)
                | Refusal::ProviderLate(_)
                | Refusal::ProviderKeyInvalid(_)
                | Refusal::ProviderAnswer(_)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_provider_did_is_tried_elsewhere() {
        let openai = || "openai".parse().unwrap();
        for (status, expected) in [
            (200, false),
            (400, false),
            (404, false),
            (429, true),
            (500, true),
            (529, true),
        ] {
            let answer = HttpResponse::build(StatusCode::from_u16(status).unwrap()).finish();
            assert_eq!(has_failed(&Ok(answer)), expected, "{status}");
            let told = Refusal::Provider {
                provider: openai(),
                status,
            };
            assert_eq!(has_failed(&Err(told)), expected, "{status}");
        }
        for refusal in [
            Refusal::ProviderUnreachable(openai()),
            Refusal::ProviderLate(openai()),
            Refusal::ProviderKeyInvalid(openai()),
        ] {
            assert!(has_failed(&Err(refusal)));
        }
        for refusal in [
            Refusal::TooManyAtOnce {
                whose: "this grant",
                most: 1,
            },
            Refusal::VaultUnavailable,
            Refusal::TokenRevoked,
            Refusal::Busy,
        ] {
            assert!(!has_failed(&Err(refusal)));
        }
    }
}
