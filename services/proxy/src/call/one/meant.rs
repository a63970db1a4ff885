//! Whom a request means: the models that it names, and those that the organization's aliases stand
//! for.
//!
//! An alias stands for its candidates wherever a name may stand, and comes before a model of the same
//! spelling. It says itself which of them is first, unless the app says so for all that it named.

use std::collections::HashSet;

use crate::{
    call::one::{
        choice::{Choice, Covered, Named},
        order::{Latencies, Order},
        wish::{MOST, Wish},
    },
    error::Refusal,
};

/// The choices in the order in which they are tried, each once.
///
/// # Errors
/// When a model that the app named itself is not granted, or nothing of what an alias stands for is.
pub(super) fn meant(
    wish: &Wish,
    covered: &Covered<'_>,
    latencies: &Latencies,
) -> Result<Vec<Choice>, Refusal> {
    let mut all: Vec<Named> = Vec::new();
    for name in &wish.models {
        let Some(alias) = covered.alias(name) else {
            all.push(Named {
                name: name.clone(),
                choice: covered.choice(name)?,
            });
            continue;
        };
        let granted = covered.granted_of(alias)?;
        match wish.order {
            Some(_) => all.extend(granted),
            None => all.extend(latencies.arrange(granted, &Order::of_alias(alias))),
        }
    }
    let mut all = each_once(all);
    if let Some(order) = &wish.order {
        all = latencies.arrange(all, order);
    }
    all.truncate(MOST);
    Ok(all.into_iter().map(|named| named.choice).collect())
}

/// Without those that stand further ahead already.
fn each_once(mut all: Vec<Named>) -> Vec<Named> {
    let mut seen = HashSet::new();
    all.retain(|Named { choice, .. }| {
        seen.insert((choice.upstream.name().clone(), choice.model.clone()))
    });
    all
}
