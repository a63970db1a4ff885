//! In which order the providers that an app named are tried.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::{ModelAlias, Provider, RouteStrategy};
use serde::Deserialize;

use crate::{
    body::Members,
    call::one::choice::{Choice, Named},
    error::Refusal,
};

/// So many models are remembered; of others, nothing is known.
const REMEMBERED: usize = 4_096;
/// So many lists of models have turns of their own; beyond, some share them.
const TURNS: usize = 256;
/// The latest time counts this part of the average: a fifth.
const LATEST: u32 = 5;

/// What the member `route` says, or an alias in its place.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Order {
    strategy: RouteStrategy,
    /// By the model as it was named; 1 for one that is not here.
    weights: HashMap<String, u32>,
}

impl Order {
    /// Reads `route`: an object, or the strategy's name alone. `None` where nothing is said.
    pub(super) fn read(members: &Members<'_>) -> Result<Option<Self>, Refusal> {
        let Some((json, _)) = members.raw("route") else {
            return Ok(None);
        };
        let alone = serde_json::from_str(json).map(|strategy| Self {
            strategy,
            ..Self::default()
        });
        let read = alone.or_else(|_| serde_json::from_str(json));
        read.map(Some).map_err(|_| {
            let message = "`route` must be an object with `strategy` (one of fallback, round_robin, \
                           weighted, latency) and, for weighted, `weights`";
            Refusal::of_parameter("route", message)
        })
    }

    /// As an alias says of its candidates.
    pub(super) fn of_alias(alias: &ModelAlias) -> Self {
        let weighed = alias
            .candidates
            .iter()
            .filter_map(|candidate| Some((candidate.name(), candidate.weight?)));
        Self {
            strategy: alias.strategy,
            weights: weighed.collect(),
        }
    }

    /// The places of these in the order in which they are tried: one is put first, or, by latency,
    /// all are sorted. `turn` counts the requests; `times` is what is known of each.
    fn of(&self, names: &[&str], times: &[Option<Duration>], turn: u64) -> Vec<usize> {
        let mut places: Vec<usize> = (0..names.len()).collect();
        match self.strategy {
            RouteStrategy::Fallback => {}
            RouteStrategy::RoundRobin => {
                let count = u64::try_from(names.len()).unwrap_or(1).max(1);
                places.rotate_left(usize::try_from(turn % count).unwrap_or(0));
            }
            RouteStrategy::Weighted => {
                let weight = |name: &&str| u64::from(self.weights.get(*name).copied().unwrap_or(1));
                let weights: Vec<u64> = names.iter().map(weight).collect();
                let first = by_weight(&weights, turn);
                places.retain(|place| *place != first);
                places.insert(0, first);
            }
            // What nothing is known of is tried, and then something is.
            RouteStrategy::Latency => {
                places.sort_by_key(|place| times.get(*place).copied().flatten());
            }
        }
        places
    }
}

/// Spreads the turns so that any few in a row already keep to the weights (multiples of the golden
/// ratio, in fractions of the whole). All of them zero are all the same.
fn by_weight(weights: &[u64], turn: u64) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let whole: u64 = weights.iter().sum();
    let fraction = turn.wrapping_mul(GOLDEN);
    let point = (u128::from(fraction) * u128::from(whole)) >> 64;
    let mut passed: u128 = 0;
    let first = weights.iter().position(|weight| {
        passed += u128::from(*weight);
        point < passed
    });
    first.unwrap_or(0)
}

/// Whose turn it is, and how long models take to begin their answers, as this process has seen it of
/// late.
#[derive(Debug)]
pub struct Latencies {
    /// By what is chosen from: those who ask for other models do not move on whose turn it is.
    turns: [AtomicU64; TURNS],
    times: Mutex<HashMap<(Provider, String), Duration>>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            turns: std::array::from_fn(|_| AtomicU64::new(0)),
            times: Mutex::default(),
        }
    }
}

impl Latencies {
    /// The choices in the order in which they are tried.
    pub(super) fn arrange(&self, choices: Vec<Named>, order: &Order) -> Vec<Named> {
        if choices.len() < 2 || order.strategy == RouteStrategy::Fallback {
            return choices;
        }
        let names: Vec<&str> = choices.iter().map(|named| named.name.as_str()).collect();
        let times = choices.iter().map(|named| self.of(&named.choice));
        let times: Vec<_> = times.collect();
        let places = order.of(&names, &times, self.turn(&names));
        let arranged = places
            .iter()
            .filter_map(|place| choices.get(*place).cloned());
        arranged.collect()
    }

    /// How often these were chosen from before.
    fn turn(&self, names: &[&str]) -> u64 {
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        (self.turns.get(slot)).map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed))
    }

    /// The head of an answer, or of a failure, took this long.
    pub(super) fn note(&self, choice: &Choice, took: Duration) {
        let mut times = self.times();
        let key = key(choice);
        if times.len() >= REMEMBERED && !times.contains_key(&key) {
            return;
        }
        times
            .entry(key)
            .and_modify(|average| *average = (*average * (LATEST - 1) + took) / LATEST)
            .or_insert(took);
    }

    fn of(&self, choice: &Choice) -> Option<Duration> {
        self.times().get(&key(choice)).copied()
    }

    fn times(&self) -> MutexGuard<'_, HashMap<(Provider, String), Duration>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(choice: &Choice) -> (Provider, String) {
    (choice.upstream.name().clone(), choice.model.clone())
}

#[cfg(test)]
mod tests {
    use events::AliasCandidate;

    use super::*;
    use crate::provider::Providers;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn read(json: &str) -> Result<Option<Order>, Refusal> {
        let body = format!("{{\"route\":{json}}}");
        Order::read(&Members::of_body(body.as_bytes(), &[]).unwrap())
    }

    fn order(json: &str) -> Order {
        read(json).unwrap().unwrap()
    }

    #[test]
    fn a_route_says_how_in_one_word_or_in_an_object() {
        assert_eq!(read("null").unwrap(), None);
        assert_eq!(order("\"fallback\""), Order::default());
        assert_eq!(order("{}"), Order::default());
        assert!(read(r#"{"strategy":"weighted","weights":{"a":3}}"#).is_ok());
        for bad in [
            "1",
            "\"fastest\"",
            r#"{"strategy":"x"}"#,
            r#"{"weights":{"a":-1}}"#,
            r#"{"provider":"openai"}"#,
        ] {
            let refused = read(bad).unwrap_err();
            assert_eq!(refused.param(), Some("route"), "{bad}");
        }
    }

    #[test]
    fn each_is_first_in_its_turn_and_none_is_lost() {
        let robin = order("\"round_robin\"");
        let of = |turn| robin.of(&NAMES, &[None; 3], turn);
        assert_eq!(of(0), [0, 1, 2]);
        assert_eq!(of(1), [1, 2, 0]);
        assert_eq!(of(2), [2, 0, 1]);
        assert_eq!(of(3), of(0));
        let fallback = order("\"fallback\"");
        assert_eq!(fallback.of(&NAMES, &[None; 3], 7), [0, 1, 2]);
    }

    #[test]
    fn each_is_first_as_often_as_it_weighs() {
        let weighted = order(r#"{"strategy":"weighted","weights":{"a":6,"b":3,"c":1}}"#);
        let mut firsts = [0_u32; 3];
        for turn in 0..1_000 {
            let places = weighted.of(&NAMES, &[None; 3], turn);
            assert_eq!(places.len(), 3);
            firsts[places[0]] += 1;
        }
        for (seen, expected) in firsts.into_iter().zip([600, 300, 100]) {
            assert!(seen.abs_diff(expected) <= 5, "{firsts:?}");
        }
        let never = order(r#"{"strategy":"weighted","weights":{"a":0,"c":0}}"#);
        let of = |turn| never.of(&NAMES, &[None; 3], turn)[0];
        assert!((0..100).all(|turn| of(turn) == 1));
    }

    #[test]
    fn the_soonest_of_late_is_first_and_the_unknown_before_it() {
        let latency = order("\"latency\"");
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(latency.of(&NAMES, &[ms(30), ms(10), ms(20)], 0), [1, 2, 0]);
        assert_eq!(latency.of(&NAMES, &[ms(30), ms(10), None], 0), [2, 1, 0]);
    }

    fn choice(model: &str) -> Choice {
        let providers = Providers::built_in(&[]).unwrap();
        Choice {
            upstream: std::sync::Arc::clone(providers.find("openai").unwrap()),
            model: model.to_owned(),
        }
    }

    #[test]
    fn an_alias_says_how_often_each_is_first() {
        let candidate = |model: &str, weight| AliasCandidate {
            provider: "openai".parse().unwrap(),
            model: model.to_owned(),
            weight,
        };
        let alias = ModelAlias {
            name: "fast".parse().unwrap(),
            candidates: vec![candidate("a", Some(3)), candidate("b", None)],
            strategy: RouteStrategy::Weighted,
        };
        let order = Order::of_alias(&alias);
        let first = |turn| order.of(&["openai/a", "openai/b"], &[None; 2], turn)[0];
        let seconds = (0..400).filter(|turn| first(*turn) == 1).count();
        assert!(seconds.abs_diff(100) <= 5, "{seconds}");
    }

    #[test]
    fn others_do_not_move_on_whose_turn_it_is() {
        let latencies = Latencies::default();
        let robin = order("\"round_robin\"");
        let first = |models: [&str; 2]| {
            let named = models.map(|model| Named {
                name: model.to_owned(),
                choice: choice(model),
            });
            latencies.arrange(named.to_vec(), &robin)[0].name.clone()
        };
        // Which of the slots a list has is always the same.
        for turn in 0..4 {
            assert_eq!(first(["a", "b"]), ["a", "b"][turn % 2]);
            assert_eq!(first(["c", "d"]), ["c", "d"][turn % 2]);
        }
    }

    #[test]
    fn what_was_seen_moves_the_average() {
        let choice = choice("m");
        let latencies = Latencies::default();
        assert_eq!(latencies.of(&choice), None);
        latencies.note(&choice, Duration::from_millis(100));
        latencies.note(&choice, Duration::from_millis(200));
        assert_eq!(latencies.of(&choice), Some(Duration::from_millis(120)));
    }
}
