//! The rules of a model alias, and its life: in use until it is removed. Its name stays.

use std::collections::HashSet;

use event_store::Aggregate;
use events::{AliasCandidate, ModelAlias, ModelAliasEvent, RouteStrategy};

/// The most models that one alias stands for.
pub const MOST_CANDIDATES: usize = 8;
/// The heaviest that one weighs beside the others.
pub const HEAVIEST: u32 = 1_000;

/// A model alias, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ModelAliasState {
    /// Not set yet.
    #[default]
    None,
    /// In use.
    Set(Box<ModelAlias>),
    /// It names nothing any more.
    Removed,
}

/// What is to be another in an alias.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What it stands for.
    pub candidates: Option<Vec<AliasCandidate>>,
    /// Which of them is asked first.
    pub strategy: Option<RouteStrategy>,
}

/// Why nothing was done. Candidates are told by their place, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such alias.
    #[error("there is no such model alias")]
    Unknown,
    /// It exists already.
    #[error("this model alias exists already")]
    Exists,
    /// It would stand for nothing, or for too much.
    #[error("a model alias stands for 1 to {MOST_CANDIDATES} models")]
    Count,
    /// One is named a second time.
    #[error("each model is named once")]
    Twice(usize),
    /// A weight is out of range.
    #[error("a weight is 1 to {HEAVIEST}")]
    Weight(usize),
    /// A weight that no strategy asks for.
    #[error("weights belong to the strategy weighted alone; send the candidates without them")]
    NotWeighted(usize),
}

impl ModelAliasState {
    /// An administrator sets it.
    ///
    /// # Errors
    /// When one of this id was set before, or a rule forbids it.
    pub fn set(&self, alias: ModelAlias) -> Result<ModelAliasEvent, Refusal> {
        if *self != Self::None {
            return Err(Refusal::Exists);
        }
        check(&alias)?;
        Ok(ModelAliasEvent::Set { alias })
    }

    /// An administrator changes it. What is so already is no event.
    ///
    /// # Errors
    /// When there is none in use, or a rule forbids it.
    pub fn change(&self, change: Change) -> Result<Option<ModelAliasEvent>, Refusal> {
        let Self::Set(present) = self else {
            return Err(Refusal::Unknown);
        };
        let alias = ModelAlias {
            name: present.name.clone(),
            candidates: change
                .candidates
                .unwrap_or_else(|| present.candidates.clone()),
            strategy: change.strategy.unwrap_or(present.strategy),
        };
        check(&alias)?;
        Ok((alias != **present).then_some(ModelAliasEvent::Set { alias }))
    }

    /// An administrator removes it.
    ///
    /// # Errors
    /// When there is none in use.
    pub const fn remove(&self) -> Result<ModelAliasEvent, Refusal> {
        match self {
            Self::Set(_) => Ok(ModelAliasEvent::Removed {}),
            Self::None | Self::Removed => Err(Refusal::Unknown),
        }
    }
}

fn check(alias: &ModelAlias) -> Result<(), Refusal> {
    if !(1..=MOST_CANDIDATES).contains(&alias.candidates.len()) {
        return Err(Refusal::Count);
    }
    let mut seen = HashSet::new();
    for (place, candidate) in alias.candidates.iter().enumerate() {
        if !seen.insert((&candidate.provider, &candidate.model)) {
            return Err(Refusal::Twice(place));
        }
        let Some(weight) = candidate.weight else {
            continue;
        };
        if alias.strategy != RouteStrategy::Weighted {
            return Err(Refusal::NotWeighted(place));
        }
        if !(1..=HEAVIEST).contains(&weight) {
            return Err(Refusal::Weight(place));
        }
    }
    Ok(())
}

impl Aggregate for ModelAliasState {
    type Event = ModelAliasEvent;

    fn apply(&mut self, event: &ModelAliasEvent) {
        *self = match event {
            ModelAliasEvent::Set { alias } => Self::Set(Box::new(alias.clone())),
            ModelAliasEvent::Removed {} => Self::Removed,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(model: &str, weight: Option<u32>) -> AliasCandidate {
        AliasCandidate {
            provider: "openai".parse().unwrap(),
            model: model.to_owned(),
            weight,
        }
    }

    fn alias(strategy: RouteStrategy, candidates: Vec<AliasCandidate>) -> ModelAlias {
        ModelAlias {
            name: "fast".parse().unwrap(),
            candidates,
            strategy,
        }
    }

    fn refused(strategy: RouteStrategy, candidates: Vec<AliasCandidate>) -> Option<Refusal> {
        let state = ModelAliasState::default();
        state.set(alias(strategy, candidates)).err()
    }

    #[test]
    fn an_alias_stands_for_one_to_eight_models_each_once() {
        let many = |count: usize| {
            let each = (0..count).map(|n| candidate(&format!("m{n}"), None));
            each.collect::<Vec<_>>()
        };
        let fallback = RouteStrategy::Fallback;
        for (count, expected) in [
            (0, Some(Refusal::Count)),
            (1, None),
            (8, None),
            (9, Some(Refusal::Count)),
        ] {
            assert_eq!(refused(fallback, many(count)), expected, "{count}");
        }
        let twice = vec![
            candidate("a", None),
            candidate("b", None),
            candidate("a", None),
        ];
        assert_eq!(refused(fallback, twice), Some(Refusal::Twice(2)));
    }

    #[test]
    fn a_weight_is_in_range_and_asked_for() {
        for (weight, expected) in [
            (0, Some(Refusal::Weight(1))),
            (1, None),
            (1_000, None),
            (1_001, Some(Refusal::Weight(1))),
        ] {
            let both = vec![candidate("a", None), candidate("b", Some(weight))];
            let found = refused(RouteStrategy::Weighted, both);
            assert_eq!(found, expected, "{weight}");
        }
        for strategy in RouteStrategy::ALL {
            let one = vec![candidate("a", Some(2))];
            let weighted = strategy == RouteStrategy::Weighted;
            let expected = (!weighted).then_some(Refusal::NotWeighted(0));
            assert_eq!(refused(strategy, one), expected, "{strategy:?}");
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let mut state = ModelAliasState::default();
        assert_eq!(state.change(Change::default()), Err(Refusal::Unknown));
        let first = alias(RouteStrategy::Weighted, vec![candidate("a", Some(2))]);
        state.apply(&state.clone().set(first.clone()).unwrap());
        assert_eq!(state.set(first), Err(Refusal::Exists));
        assert_eq!(state.change(Change::default()), Ok(None));
        let to_latency = Change {
            strategy: Some(RouteStrategy::Latency),
            candidates: None,
        };
        // Its weight would stand there for nothing.
        assert_eq!(
            state.change(to_latency.clone()),
            Err(Refusal::NotWeighted(0))
        );
        let both = Change {
            candidates: Some(vec![candidate("b", None)]),
            ..to_latency
        };
        let changed = state.change(both).unwrap().unwrap();
        let expected = alias(RouteStrategy::Latency, vec![candidate("b", None)]);
        assert_eq!(changed, ModelAliasEvent::Set { alias: expected });
        state.apply(&changed);
        state.apply(&state.clone().remove().unwrap());
        assert_eq!(state.remove(), Err(Refusal::Unknown));
        assert_eq!(state.change(Change::default()), Err(Refusal::Unknown));
    }
}
