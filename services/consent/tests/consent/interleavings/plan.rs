//! What everybody does in one interleaving, and in which mood it is scheduled: all of it from a seed.

use super::seeded::Seeded;

/// How a caller comes, and so how its answer goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `POST /okap/authorize`, answered 202, collected with the poll secret.
    Poll,
    /// The same, held until somebody decides.
    Held,
    /// `POST /okap/request`, held until somebody decides.
    Flat,
    /// A callback: a code in the browser, and the poll secret.
    Callback,
    /// `GET /oauth/authorize` in the person's browser, and PKCE.
    Oauth,
}

/// One thing that a caller does. Numbers choose among what can be seen by then.
#[derive(Debug, Clone, Copy)]
pub enum Move {
    /// Asks, with the very same body as everybody else.
    Ask,
    /// Collects its own answer by its own means.
    Collect,
    /// Collects somebody else's request with its own secret.
    PollAnother(usize),
    /// Collects with what everybody knows in place of a secret.
    PollWithout(usize),
    /// Collects at an id near one it has seen, with its own secret.
    Guess(usize),
    /// Sends a code that it saw in an address to its own request, or to the code's.
    SendCode { code: usize, to_own: bool },
    /// Redeems a code that it saw with its own verifier, the challenge itself, or none.
    Redeem { code: usize, proof: usize },
}

/// What the person does.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Opens or reloads the page of one of the requests that are there.
    Look(usize),
    /// Decides one of those that wait, on the page or with a program.
    Decide {
        which: usize,
        yes: bool,
        on_the_page: bool,
    },
}

#[derive(Debug, Clone)]
pub struct Caller {
    pub way: Way,
    /// In an OAuth request: whether it copies the challenge too, not only all the rest.
    pub copies_challenge: bool,
    pub moves: Vec<Move>,
}

#[derive(Debug, Clone)]
pub struct Plan {
    /// The first is the one whom the person means; the others want its token.
    pub callers: Vec<Caller>,
    pub deeds: Vec<Deed>,
    /// How much time passes, in seconds, at moments of the scheduler's choice.
    pub spans: Vec<i64>,
    /// How many steps between two waits somebody may take before it is another's turn.
    pub burst: usize,
    /// The number of callers that have begun to ask before the person looks.
    pub patience: usize,
}

const WAYS: [Way; 5] = [Way::Poll, Way::Held, Way::Flat, Way::Callback, Way::Oauth];

impl Plan {
    pub fn of(seeded: &mut Seeded) -> Self {
        let way = seeded.pick(&WAYS);
        let mut callers = vec![Caller {
            way,
            copies_challenge: false,
            moves: vec![Move::Ask, Move::Collect],
        }];
        let attackers = if seeded.one_in(8) { 2 } else { 1 };
        callers.extend((0..attackers).map(|_| attacker(seeded, way)));
        let decisions = if seeded.one_in(6) { 2 } else { 1 };
        let mut deeds: Vec<Deed> = (0..decisions).map(|_| decision(seeded)).collect();
        if seeded.one_in(6) {
            let at = seeded.below(deeds.len() + 1);
            deeds.insert(at, Deed::Look(seeded.below(8)));
        }
        let spans = if seeded.one_in(3) {
            vec![seeded.pick(&[1, 59, 60, 599, 600])]
        } else {
            Vec::new()
        };
        let patience = 1 + seeded.below(callers.len());
        Self {
            callers,
            deeds,
            spans,
            burst: seeded.pick(&[1, 2, 5, 20, usize::MAX]),
            patience,
        }
    }
}

fn decision(seeded: &mut Seeded) -> Deed {
    Deed::Decide {
        which: seeded.below(8),
        yes: !seeded.one_in(5),
        on_the_page: seeded.one_in(6),
    }
}

fn attacker(seeded: &mut Seeded, victims: Way) -> Caller {
    let way = if seeded.one_in(3) {
        seeded.pick(&WAYS)
    } else {
        victims
    };
    let mut moves: Vec<Move> = (0..1 + seeded.below(4) / 3)
        .map(|_| probe(seeded))
        .collect();
    let at = seeded.below(moves.len() + 1);
    moves.insert(at, Move::Ask);
    if seeded.one_in(2) {
        moves.push(Move::Collect);
    }
    Caller {
        way,
        copies_challenge: seeded.one_in(2),
        moves,
    }
}

fn probe(seeded: &mut Seeded) -> Move {
    let of = seeded.below(8);
    match seeded.below(6) {
        0 => Move::PollAnother(of),
        1 => Move::PollWithout(of),
        2 => Move::Guess(of),
        3 | 4 => Move::SendCode {
            code: of,
            to_own: seeded.one_in(2),
        },
        _ => Move::Redeem {
            code: of,
            proof: seeded.below(3),
        },
    }
}
