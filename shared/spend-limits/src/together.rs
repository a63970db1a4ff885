//! Reserving in company: calls that come while another is asked about are asked about together, with
//! one round trip and in one run of the script.
//!
//! Whoever comes first asks at once and alone, so a lone caller waits for nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use crate::{
    bucket::{Bucket, Owner},
    connection::{ANSWER_WITHIN, CONNECT_WITHIN, SpendLimits},
    epoch::{Epoch, write_field},
    error::{LimitsError, StoreError},
    reserve::Reservation,
    script::{Call, RESERVE, Reply, USUAL_KEY},
    words::Words,
};

/// The most reservations of one round trip: more would keep others waiting for the script.
const MOST: usize = 32;
/// Room for what is said of one call.
const USUAL_WORD: usize = 160;
/// What stands between the answers.
const BETWEEN: &str = "+";

/// What the limits answered, and in which epoch.
pub(crate) type Answer = Result<(Epoch, Reply), LimitsError>;

/// The reservations of one thread that wait for their turn.
#[derive(Default)]
pub(crate) struct Company(Mutex<Queued>);

#[derive(Default)]
struct Queued {
    waiting: Vec<Waiting>,
    /// Somebody asks, round trip after round trip.
    under_way: bool,
}

struct Waiting {
    asked: Reservation,
    answer: oneshot::Sender<Answer>,
}

impl SpendLimits {
    /// Asks the limits for one reservation, together with others where others are asked about now.
    pub(crate) async fn ask_in_company(&self, asked: &Reservation) -> Answer {
        if !is_plain(asked) {
            return self.ask_alone(asked).await;
        }
        let company = self.shared.company.get_or_default();
        let Some(answer) = company.join(asked) else {
            let _turn = Turn(self, company);
            let answer = self.ask_alone(asked).await;
            if let Err(error) = &answer {
                company.refuse_those_who_wait(error);
            }
            return answer;
        };
        // Their turn and the answer take no longer together than an answer may alone.
        match timeout(ANSWER_WITHIN + CONNECT_WITHIN, answer).await {
            Ok(Ok(Ok((_, reply)))) if reply.word() == "AT_LENGTH" => self.ask_alone(asked).await,
            Ok(Ok(answer)) => answer,
            // Whoever asked was given up, or is late: nobody knows what became of it.
            Ok(Err(_)) | Err(_) => Err(StoreError::Late { script: "reserve" }.into()),
        }
    }

    async fn ask_alone(&self, asked: &Reservation) -> Answer {
        self.in_open_epoch(&RESERVE, |epoch| self.reserve_call(asked, epoch))
            .await
    }

    /// One round trip for all of these; the answers in their order.
    async fn ask_together(&self, waiting: &[Waiting]) -> Result<Vec<(Epoch, Reply)>, LimitsError> {
        if let [one] = waiting {
            return Ok(vec![self.ask_alone(&one.asked).await?]);
        }
        let asked: Vec<_> = waiting.iter().map(|one| &one.asked).collect();
        let (epoch, reply) = self
            .in_open_epoch(&RESERVE, |epoch| self.reserve_calls(&asked, epoch))
            .await?;
        let answers = read_answers(&reply, asked.len()).ok_or_else(|| reply.unexpected())?;
        Ok(answers.map(|answer| (epoch, answer)).collect())
    }

    /// The call of the script that holds these reservations, or some of them, in `epoch`.
    pub(crate) fn reserve_calls(&self, asked: &[&Reservation], epoch: Epoch) -> Call {
        let keys = &self.shared.keys;
        let mut call = Call {
            keys: Words::with_capacity(2 + 3 * asked.len(), (2 + 3 * asked.len()) * USUAL_KEY),
            args: Words::with_capacity(3 + asked.len(), (1 + asked.len()) * USUAL_WORD),
        };
        keys.add_epoch_and_holds(&mut call.keys, epoch);
        call.args.write(|text| epoch.write_to(text));
        call.args.push(&self.time());
        call.args.push(BETWEEN);
        let mut buckets: Vec<Bucket> = Vec::new();
        for one in asked {
            let known = buckets.iter().position(|bucket| *bucket == one.bucket);
            let index = known.unwrap_or_else(|| {
                buckets.push(one.bucket);
                if let Owner::Grant(grant) = one.bucket.owner {
                    call.keys.write(|text| keys.write_revoked(text, grant));
                }
                call.keys
                    .write(|text| keys.write_counters(text, epoch, one.bucket));
                call.keys
                    .write(|text| keys.write_minute(text, epoch, one.bucket));
                buckets.len() - 1
            });
            call.args.write(|text| write_one(text, 1 + index, one));
        }
        call
    }
}

/// Whether it is asked for in the usual way: of a grant with all four limits, and with nothing above it.
fn is_plain(asked: &Reservation) -> bool {
    let limits = &asked.limits;
    asked.above.owners().is_empty()
        && matches!(asked.bucket.owner, Owner::Grant(_))
        && limits.requests_per_minute.is_some()
        && limits.requests_per_day.is_some()
        && limits.daily_spend.is_some()
        && limits.monthly_spend.is_some()
}

/// What the script is told of one call, in one word.
fn write_one(text: &mut String, index: usize, asked: &Reservation) {
    let mut number = itoa::Buffer::new();
    text.push_str(number.format(index));
    text.push(' ');
    write_field(text, asked.call);
    text.push(' ');
    text.push_str(number.format(asked.worst_case.nanos()));
    text.push(' ');
    text.push_str(number.format(asked.lasts_ms()));
    text.push(' ');
    let noted = asked.noted();
    text.push_str(if noted.is_empty() { "-" } else { &noted });
    for limit in asked.limits.numbers() {
        text.push(' ');
        text.push_str(number.format(limit.unwrap_or_default()));
    }
}

/// The answer to each of so many calls; `None` if there are not as many.
fn read_answers(reply: &Reply, count: usize) -> Option<impl Iterator<Item = Reply>> {
    if reply.word() != "TOGETHER" {
        return None;
    }
    let mut answers: Vec<Words> = Vec::with_capacity(count);
    for word in reply.0.iter().skip(1) {
        match answers.last_mut() {
            _ if word == BETWEEN => answers.push(Words::default()),
            Some(answer) => answer.push(word),
            None => return None,
        }
    }
    (answers.len() == count).then(|| answers.into_iter().map(Reply))
}

impl Company {
    fn queued(&self) -> MutexGuard<'_, Queued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits with others for the next round trip; `None` where nobody is asked about now, and whoever
    /// comes asks at once.
    fn join(&self, asked: &Reservation) -> Option<oneshot::Receiver<Answer>> {
        let mut queued = self.queued();
        if !std::mem::replace(&mut queued.under_way, true) {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        queued.waiting.push(Waiting {
            asked: asked.clone(),
            answer,
        });
        Some(answered)
    }

    /// Where Redis does not answer those before, nobody waits for it to answer them: they were not asked
    /// about, and are told so.
    fn refuse_those_who_wait(&self, error: &LimitsError) {
        let LimitsError::Unavailable(source) = error else {
            return;
        };
        if !source.is_silence() {
            return;
        }
        for one in std::mem::take(&mut self.queued().waiting) {
            one.answer.send(Err(StoreError::NotAsked.into())).ok();
        }
    }

    /// Those that go next; `None` once nobody waits, and then nobody asks.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queued = self.queued();
        // Who has gone meanwhile is not asked about.
        queued.waiting.retain(|one| !one.answer.is_closed());
        queued.under_way = !queued.waiting.is_empty();
        let count = queued.waiting.len().min(MOST);
        (count > 0).then(|| queued.waiting.drain(..count).collect())
    }
}

/// The turn of whoever asked alone. Those who came meanwhile are asked about when it ends, however it
/// ends.
struct Turn<'a>(&'a SpendLimits, &'a Arc<Company>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Self(limits, company) = self;
        let Some(first) = company.next() else { return };
        let under_way = UnderWay(Some(Arc::clone(company)));
        // Without a runtime the process is at its end: those who wait are told that nobody knows.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(ask_in_turn((*limits).clone(), under_way, first));
        }
    }
}

async fn ask_in_turn(limits: SpendLimits, mut under_way: UnderWay, first: Vec<Waiting>) {
    let mut next = Some(first);
    while let Some(waiting) = next {
        match limits.ask_together(&waiting).await {
            Ok(answers) => {
                for (one, answer) in waiting.into_iter().zip(answers) {
                    one.answer.send(Ok(answer)).ok();
                }
            }
            Err(error) => {
                under_way.refuse_those_who_wait(&error);
                let tell = told_to_each(error);
                for one in waiting {
                    one.answer.send(Err(tell())).ok();
                }
            }
        }
        next = under_way.next();
    }
}

/// The same error for each of those who asked together.
fn told_to_each(error: LimitsError) -> impl Fn() -> LimitsError {
    let source = match error {
        LimitsError::Unavailable(source) => Some(Arc::new(source)),
        // No amount is looked at before.
        LimitsError::NotReady | LimitsError::AmountOutOfRange(_) => None,
    };
    move || match &source {
        Some(source) => StoreError::Together(Arc::clone(source)).into(),
        None => LimitsError::NotReady,
    }
}

/// If the asking ends halfway, nobody waits for it, and the next one begins it anew.
struct UnderWay(Option<Arc<Company>>);

impl UnderWay {
    fn refuse_those_who_wait(&self, error: &LimitsError) {
        if let Some(company) = &self.0 {
            company.refuse_those_who_wait(error);
        }
    }

    /// Those that go next. After the last of them this is over, and somebody else may have begun.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let next = self.0.as_ref()?.next();
        if next.is_none() {
            self.0 = None;
        }
        next
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(company) = &self.0 {
            let mut queued = company.queued();
            queued.waiting.clear();
            queued.under_way = false;
        }
    }
}
