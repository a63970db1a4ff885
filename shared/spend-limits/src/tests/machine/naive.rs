//! What keeps the limits: we, or a design that others use, which must fail here.

use super::world::World;
use crate::{Held, Refused, Reservation, tests::*};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Ours,
    /// Looks whether there is room, and adds: another may add in between.
    Adding,
    /// What Redis says counts, also when it has just lost its memory.
    Trusting,
}

impl World {
    /// What the gate says; `None` where a naive one refuses, rightly or not. `unlimited` is what was asked,
    /// with no limits of its own and of the budget.
    pub(super) async fn ask_the_gate(
        &mut self,
        proxy: usize,
        asked: &Reservation,
        unlimited: &Reservation,
    ) -> Option<Result<Held, Refused>> {
        let limits = self.proxies[proxy].clone();
        if self.gate != Gate::Adding || !self.open {
            return Some(limits.reserve(asked).await);
        }
        // Between its look and its adding others have looked and added.
        let had_room = std::mem::replace(&mut self.saw_room[proxy], has_room(&limits, asked).await);
        if had_room {
            Some(limits.reserve(unlimited).await)
        } else {
            None
        }
    }
}

async fn has_room(limits: &SpendLimits, asked: &Reservation) -> bool {
    let standing = limits.standing(asked.bucket, &asked.limits).await.unwrap();
    standing.iter().all(|one| match (one.remaining, one.limit) {
        (Amount::Money(left), _) => left >= asked.worst_case,
        (Amount::Requests(left), _) => left > 0,
    })
}
