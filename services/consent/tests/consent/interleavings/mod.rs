//! Callers are never merged, in whatever order things happen: ten thousand interleavings of somebody
//! who asks, others who ask the very same, and the person who decides. No token ever reaches any
//! other than the one who asked for it, and the one who asked gets it.
//!
//! Each interleaving is made and scheduled by one number (`turns.rs` says how far that goes). A failure
//! prints it; `LATCHKEY_INTERLEAVING=number` plays it alone, and `LATCHKEY_INTERLEAVINGS` says how many.

mod board;
mod caller;
mod desk;
mod form;
mod lane;
mod merging;
mod owner;
mod plan;
mod seeded;
mod turns;

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::SignedDuration;

use self::{
    board::Board,
    caller::{Asker, Own, challenge},
    desk::Desk,
    lane::{Ground, Lane},
    merging::Merging,
    owner::Decider,
    plan::{Move, Plan, Way},
    seeded::Seeded,
    turns::{Actor, let_others, take_turns},
};
use crate::scratch::told;

/// How many threads play, each on a database of its own.
const THREADS: usize = 2;
/// How many are played side by side on each: most of the time of most of them is waiting.
const LANES: usize = 40;
/// How many are played before somebody new comes: sessions do not last for ever.
const OF_ONE_PERSON: u64 = 12;

/// What came of one, to see that they are not all about nothing.
#[derive(Debug, Default)]
struct Outcome {
    first_got_it: bool,
    another_got_its_own: bool,
    tried: usize,
}

/// Plays the interleaving of this number; says what is wrong with it, if anything is.
async fn play(desk: &impl Desk, seed: u64) -> Result<Outcome, String> {
    let mut seeded = Seeded::new(seed);
    let plan = Plan::of(&mut seeded);
    let board = Board::default();
    let askers: Vec<_> = (0..plan.callers.len())
        .map(|number| Asker {
            number,
            desk,
            board: &board,
            plan: &plan.callers[number],
            calls: (seeded.uuid(), seeded.uuid()),
        })
        .collect();
    let owned: Vec<RefCell<Own>> = askers.iter().map(|_| RefCell::default()).collect();
    let began = desk.now();
    let decider = Decider {
        desk,
        board: &board,
        plan: &plan,
    };
    let mut actors: Vec<Actor<'_>> = askers
        .iter()
        .zip(&owned)
        .map(|(asker, own)| Actor::new(asker.act(own)))
        .collect();
    actors.push(Actor::new(decider.act()));
    actors.push(Actor::new(pass(desk, &board, &plan)));
    let callers = plan.callers.len();
    take_turns(&mut actors, &mut seeded, plan.burst, |actors| {
        let is_held = |number: usize| board.see(|seen| seen.held.contains_key(&number));
        let waits = |(number, actor): (usize, &Actor<'_>)| {
            actor.is_done() || (number < callers && is_held(number))
        };
        actors.iter().enumerate().all(waits)
    })
    .await;
    release(desk, &board, &mut actors, &mut seeded).await?;
    drop(actors);
    // Whoever had no token before, because nobody had decided, comes back for it.
    for _ in 0..50 {
        askers[0].do_one(&owned[0], Move::Collect).await;
        if !board.see(|seen| seen.turned_away) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let verdict = judge(desk, &board, &plan, (&askers[0], began)).await;
    verdict.map_err(|wrong| format!("interleaving {seed}: {wrong}\n{plan:?}\n{}", board.story()))
}

/// Lets time pass, when its turn comes.
async fn pass(desk: &impl Desk, board: &Board, plan: &Plan) {
    for span in &plan.spans {
        for _ in 0..20 {
            let_others().await;
        }
        desk.later(SignedDuration::from_secs(*span));
        board.note(format!("{span} seconds pass"));
    }
}

/// Who is held and was decided about is answered; who nobody decided about goes away.
async fn release(
    desk: &impl Desk,
    board: &Board,
    actors: &mut [Actor<'_>],
    seeded: &mut Seeded,
) -> Result<(), String> {
    let held = board.see(|seen| seen.held.clone());
    for (number, call) in held {
        let decided = match desk.request_of(call).await {
            None => false,
            Some(id) => {
                board.see(|seen| seen.approved.contains_key(&id) || seen.denied.contains(&id))
            }
        };
        if !decided {
            actors[number].leave();
            continue;
        }
        let done = take_turns(actors, seeded, usize::MAX, |actors| {
            actors[number].is_done()
        });
        if tokio::time::timeout(Duration::from_secs(60), done)
            .await
            .is_err()
        {
            return Err(format!(
                "caller {number} is held although its request is decided\n{}",
                board.story()
            ));
        }
    }
    Ok(())
}

/// No token with anybody who did not ask for it, none with two, and one with who asked first and was
/// approved, if nothing ran out meanwhile.
async fn judge<D: Desk>(
    desk: &D,
    board: &Board,
    plan: &Plan,
    (first, began): (&Asker<'_, D>, jiff::Timestamp),
) -> Result<Outcome, String> {
    let received = board.see(|seen| seen.received.clone());
    let mut outcome = Outcome {
        tried: board.see(|seen| seen.requests.len()),
        ..Outcome::default()
    };
    for (number, (caller, token)) in received.iter().enumerate() {
        let Some(origin) = desk.origin_of(token).await else {
            return Err(format!("caller {caller} was given a token of nobody"));
        };
        let asked = match &origin.challenge {
            Some(of) => (0..plan.callers.len()).find(|caller| challenge(*caller) == *of),
            None => board.see(|seen| seen.calls.get(&origin.call).copied()),
        };
        if asked != Some(*caller) {
            return Err(format!("caller {caller} was given the token of {asked:?}"));
        }
        if received[..number].iter().any(|(_, before)| before == token) {
            return Err(format!(
                "a token went out twice, to caller {caller} at last"
            ));
        }
        outcome.first_got_it |= *caller == 0;
        outcome.another_got_its_own |= *caller != 0;
    }
    let approved = match desk.request_of(first.calls.0).await {
        Some(id) => board.see(|seen| seen.approved.contains_key(&id)),
        None => false,
    };
    let in_time = desk.now() == began || plan.callers[0].way == Way::Poll;
    if approved && in_time && !outcome.first_got_it {
        return Err("the one who asked was approved and has no token".to_owned());
    }
    Ok(outcome)
}

/// Plays numbers as long as there are any.
async fn play_on(mut lane: Lane, next: &AtomicU64, last: u64) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut played = 0;
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= last {
            assert!(lane.most_tokens_of_a_request().await <= 1, "at the end");
            return outcomes;
        }
        if played == OF_ONE_PERSON {
            assert!(lane.most_tokens_of_a_request().await <= 1, "before {seed}");
            lane.renew().await;
            played = 0;
        }
        played += 1;
        match play(&lane, seed).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(wrong) => panic!("{wrong}"),
        }
        // What nobody decided lapses, and the next one begins with an empty inbox.
        lane.later(SignedDuration::from_secs(601));
    }
}

fn play_all(first: u64, last: u64, lanes: usize) -> Vec<Outcome> {
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        let thread = || {
            actix_web::rt::System::new().block_on(async {
                let ground = Ground::new().await;
                // One after the other: putting an application together keeps the thread busy.
                let mut open = Vec::new();
                for _ in 0..lanes {
                    open.push(Lane::open(&ground).await);
                }
                join_all(open.into_iter().map(|lane| play_on(lane, &next, last)))
                    .await
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(thread)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn in_ten_thousand_interleavings_no_token_reaches_the_wrong_caller() {
    if let Ok(seed) = told("LATCHKEY_INTERLEAVING", "").parse() {
        play_all(seed, seed + 1, 1);
        return;
    }
    let many: u64 = told("LATCHKEY_INTERLEAVINGS", "10000").parse().unwrap();
    let began = std::time::Instant::now();
    let outcomes = play_all(0, many, LANES);
    let count = |of: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| of(outcome)).count();
    let (first, others) = (count(|o| o.first_got_it), count(|o| o.another_got_its_own));
    println!(
        "{} interleavings in {:?}: {first} tokens of the first, {others} with others of their own",
        outcomes.len(),
        began.elapsed()
    );
    assert_eq!(outcomes.len() as u64, many);
    // They are about something: both sides win often, in what is theirs.
    assert!(
        first * 6 > outcomes.len() && others * 8 > outcomes.len(),
        "{first} {others}"
    );
    assert!(count(|o| o.tried > 1) * 2 > outcomes.len());
}

#[actix_web::test]
async fn a_desk_that_merges_equal_callers_is_found_out() {
    let mut found = 0;
    for seed in 0..200 {
        if play(&Merging::new(), seed).await.is_err() {
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}
