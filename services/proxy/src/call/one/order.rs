//! In which order the providers that an app named are tried.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::Provider;
use serde::Deserialize;

use crate::{body::Members, call::one::choice::Choice, error::Refusal};

/// So many models are remembered; of others, nothing is known.
const REMEMBERED: usize = 4_096;
/// The latest time counts this part of the average: a fifth.
const LATEST: u32 = 5;

/// What the member `route` says.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Order {
    strategy: Strategy,
    /// By the model as it was named; 1 for one that is not here.
    weights: HashMap<String, u32>,
}

/// Which is tried first. The others follow when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    /// As they were named.
    #[default]
    Fallback,
    /// Each in turn.
    RoundRobin,
    /// Each as often as its weight says.
    Weighted,
    /// The one whose answers began soonest of late; those that nothing is known of before.
    Latency,
}

impl Order {
    /// Reads `route`: an object, or the strategy's name alone.
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Refusal> {
        let Some((json, _)) = members.raw("route") else {
            return Ok(Self::default());
        };
        let alone = serde_json::from_str(json).map(|strategy| Self {
            strategy,
            ..Self::default()
        });
        alone.or_else(|_| serde_json::from_str(json)).map_err(|_| {
            let message = "`route` must be an object with `strategy` (one of fallback, round_robin, \
                           weighted, latency) and, for weighted, `weights`";
            Refusal::of_parameter("route", message)
        })
    }

    /// The places of these in the order in which they are tried: one is put first, or, by latency,
    /// all are sorted. `turn` counts the requests; `times` is what is known of each.
    fn of(&self, names: &[String], times: &[Option<Duration>], turn: u64) -> Vec<usize> {
        let mut places: Vec<usize> = (0..names.len()).collect();
        match self.strategy {
            Strategy::Fallback => {}
            Strategy::RoundRobin => {
                let count = u64::try_from(names.len()).unwrap_or(1).max(1);
                places.rotate_left(usize::try_from(turn % count).unwrap_or(0));
            }
            Strategy::Weighted => {
                let weight = |name| u64::from(self.weights.get(name).copied().unwrap_or(1));
                let weights: Vec<u64> = names.iter().map(weight).collect();
                let first = by_weight(&weights, turn);
                places.retain(|place| *place != first);
                places.insert(0, first);
            }
            // What nothing is known of is tried, and then something is.
            Strategy::Latency => places.sort_by_key(|place| times.get(*place).copied().flatten()),
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

/// How long models take to begin their answers, as this process has seen it of late.
#[derive(Debug, Default)]
pub struct Latencies {
    turn: AtomicU64,
    times: Mutex<HashMap<(Provider, String), Duration>>,
}

impl Latencies {
    /// The choices in the order in which they are tried; `names` is how the app named each.
    pub(super) fn arrange(
        &self,
        choices: Vec<Choice>,
        names: &[String],
        order: &Order,
    ) -> Vec<Choice> {
        if choices.len() < 2 || order.strategy == Strategy::Fallback {
            return choices;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let times: Vec<_> = choices.iter().map(|choice| self.of(choice)).collect();
        let places = order.of(names, &times, turn);
        let arranged = places
            .iter()
            .filter_map(|place| choices.get(*place).cloned());
        arranged.collect()
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
    use super::*;
    use crate::provider::Providers;

    fn order(json: &str) -> Result<Order, Refusal> {
        let body = format!("{{\"route\":{json}}}");
        Order::read(&Members::of_body(body.as_bytes(), &[]).unwrap())
    }

    fn names() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_route_says_how_in_one_word_or_in_an_object() {
        assert_eq!(order("null").unwrap(), Order::default());
        assert_eq!(order("\"fallback\"").unwrap(), Order::default());
        assert_eq!(order("{}").unwrap(), Order::default());
        assert!(order(r#"{"strategy":"weighted","weights":{"a":3}}"#).is_ok());
        for bad in [
            "1",
            "\"fastest\"",
            r#"{"strategy":"x"}"#,
            r#"{"weights":{"a":-1}}"#,
            r#"{"provider":"openai"}"#,
        ] {
            let refused = order(bad).unwrap_err();
            assert_eq!(refused.param(), Some("route"), "{bad}");
        }
    }

    #[test]
    fn each_is_first_in_its_turn_and_none_is_lost() {
        let robin = order("\"round_robin\"").unwrap();
        let of = |turn| robin.of(&names(), &[None; 3], turn);
        assert_eq!(of(0), [0, 1, 2]);
        assert_eq!(of(1), [1, 2, 0]);
        assert_eq!(of(2), [2, 0, 1]);
        assert_eq!(of(3), of(0));
        let fallback = order("\"fallback\"").unwrap();
        assert_eq!(fallback.of(&names(), &[None; 3], 7), [0, 1, 2]);
    }

    #[test]
    fn each_is_first_as_often_as_it_weighs() {
        let weighted = order(r#"{"strategy":"weighted","weights":{"a":6,"b":3,"c":1}}"#).unwrap();
        let mut firsts = [0_u32; 3];
        for turn in 0..1_000 {
            let places = weighted.of(&names(), &[None; 3], turn);
            assert_eq!(places.len(), 3);
            firsts[places[0]] += 1;
        }
        for (seen, expected) in firsts.into_iter().zip([600, 300, 100]) {
            assert!(seen.abs_diff(expected) <= 5, "{firsts:?}");
        }
        let never = order(r#"{"strategy":"weighted","weights":{"a":0,"c":0}}"#).unwrap();
        let of = |turn| never.of(&names(), &[None; 3], turn)[0];
        assert!((0..100).all(|turn| of(turn) == 1));
    }

    #[test]
    fn the_soonest_of_late_is_first_and_the_unknown_before_it() {
        let latency = order("\"latency\"").unwrap();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(
            latency.of(&names(), &[ms(30), ms(10), ms(20)], 0),
            [1, 2, 0]
        );
        assert_eq!(latency.of(&names(), &[ms(30), ms(10), None], 0), [2, 1, 0]);
    }

    #[test]
    fn what_was_seen_moves_the_average() {
        let providers = Providers::built_in(&[]).unwrap();
        let choice = Choice {
            upstream: std::sync::Arc::clone(providers.find("openai").unwrap()),
            model: "m".to_owned(),
        };
        let latencies = Latencies::default();
        assert_eq!(latencies.of(&choice), None);
        latencies.note(&choice, Duration::from_millis(100));
        latencies.note(&choice, Duration::from_millis(200));
        assert_eq!(latencies.of(&choice), Some(Duration::from_millis(120)));
    }
}
