//! Our OAuth server against another one: the same generated requests go to both, and outcome, error
//! code, redirect or direct answer, and which tokens live afterwards agree; or the difference is meant
//! and stands in a table with its reason.
#![cfg(test)]

mod differences;
mod generated;
mod ours;
mod server;
mod theirs;

use clock::Clock;
use jiff::SignedDuration;

use self::{
    differences::{LIVING, MEANT},
    generated::{Seeded, Step, about, asking, redeeming, renewing},
    ours::Ours,
    server::{CALLBACK, Call, Parameters, Reply},
    theirs::Theirs,
};

const SESSIONS: u64 = 150;
const STEPS: usize = 14;

/// The same thing at both servers.
#[derive(Clone)]
struct Both {
    ours: String,
    theirs: String,
}

struct Code {
    code: Both,
    client: usize,
    redirect_uri: String,
}

struct Token {
    token: Both,
    client: usize,
    renews: bool,
}

/// One session: two servers, and what they gave so far.
struct Session<'a> {
    clock: &'a Clock,
    ours: &'a Ours,
    theirs: Theirs,
    clients: &'a [String; 2],
    codes: Vec<Code>,
    tokens: Vec<Token>,
    pushed: Vec<(Both, usize)>,
    asked: usize,
}

/// Whether a session can go on.
enum Next {
    GoesOn,
    /// They differ as they are meant to, and are no longer in the same place.
    Parted,
}

impl Session<'_> {
    async fn step(&mut self, step: Step) -> Result<Next, String> {
        let name = step.name();
        let next = match step {
            Step::Later(seconds) => {
                self.clock
                    .move_to(self.clock.now() + SignedDuration::from_secs(seconds));
                Next::GoesOn
            }
            Step::Authorize { client, wrong, yes } => {
                self.asked += 1;
                let query = asking(
                    &self.clients[client],
                    &self.clients[1 - client],
                    self.asked,
                    wrong,
                );
                let redirect_uri = last(&query, "redirect_uri");
                let call = Call::Authorize { query, yes };
                self.authorize(&name, &call, &call, (client, redirect_uri))
                    .await?
            }
            Step::Push { client, wrong } => self.push(&name, client, wrong).await?,
            Step::OpenPushed { which, client } => self.open_pushed(&name, which, client).await?,
            Step::Redeem { which, wrong } => self.redeem(&name, which, wrong).await?,
            Step::Renew { which, wrong } => self.renew(&name, which, wrong).await?,
            Step::Revoke { which, wrong } => self.revoke(&name, which, wrong).await?,
        };
        if let Next::Parted = next {
            return Ok(next);
        }
        match step {
            // What has not been answered yet changes no token.
            Step::Authorize { .. } | Step::Push { .. } | Step::OpenPushed { .. } => Ok(next),
            _ => self.same_tokens_live(&name).await,
        }
    }

    fn of(&self, client: usize) -> (&str, &str) {
        (&self.clients[client], &self.clients[1 - client])
    }

    /// Sends to both, and compares what comes of it.
    async fn send(
        &self,
        name: &str,
        ours: &Call,
        theirs: &Call,
    ) -> Result<(Reply, Reply, Next), String> {
        let (our, their) = (self.ours.call(ours).await, self.theirs.call(theirs).await);
        let (said, expected) = (our.outcome(ours), their.outcome(theirs));
        if said == expected {
            return Ok((our, their, Next::GoesOn));
        }
        let meant = MEANT
            .iter()
            .position(|m| m.step == name && said.contains(m.ours) && expected.contains(m.theirs));
        match meant {
            // Two refusals leave both where they were.
            Some(number) if !is_success(&said) && !is_success(&expected) => {
                differences::seen(number);
                Ok((our, their, Next::GoesOn))
            }
            Some(number) => {
                differences::seen(number);
                Ok((our, their, Next::Parted))
            }
            None => Err(format!(
                "{name}\n  we say    {said}\n  they say  {expected}\n  {ours:?}\n  {our:?}\n  {their:?}"
            )),
        }
    }

    async fn authorize(
        &mut self,
        name: &str,
        ours: &Call,
        theirs: &Call,
        (client, redirect_uri): (usize, String),
    ) -> Result<Next, String> {
        let (our, their, next) = self.send(name, ours, theirs).await?;
        if let (Next::GoesOn, Some(ours), Some(theirs)) = (&next, our.code(), their.code()) {
            self.codes.push(Code {
                code: Both { ours, theirs },
                client,
                redirect_uri,
            });
        }
        Ok(next)
    }

    async fn push(&mut self, name: &str, client: usize, wrong: &str) -> Result<Next, String> {
        self.asked += 1;
        let form = asking(
            &self.clients[client],
            &self.clients[1 - client],
            self.asked,
            wrong,
        );
        let call = Call::Post {
            path: "/oauth/par",
            form,
        };
        let (our, their, next) = self.send(name, &call, &call).await?;
        if let (Next::GoesOn, Some(ours), Some(theirs)) =
            (&next, our.text("request_uri"), their.text("request_uri"))
        {
            let from = if wrong == "native port" { 2 } else { 0 };
            self.pushed.push((Both { ours, theirs }, client + from));
        }
        Ok(next)
    }

    async fn open_pushed(
        &mut self,
        name: &str,
        which: usize,
        client: usize,
    ) -> Result<Next, String> {
        let Some((reference, of)) = self.pushed.get(which % self.pushed.len().max(1)).cloned()
        else {
            return Ok(Next::GoesOn);
        };
        let call = |reference: String| Call::Authorize {
            query: vec![
                ("client_id".to_owned(), self.clients[client].clone()),
                ("request_uri".to_owned(), reference),
            ],
            yes: true,
        };
        let (ours, theirs) = (call(reference.ours), call(reference.theirs));
        let redirect_uri = if of >= 2 {
            "http://127.0.0.1:51234/cb"
        } else {
            CALLBACK
        };
        // A reference is good once; what a second visit sees is another matter.
        self.pushed.retain(|(known, _)| !matches!(&ours, Call::Authorize { query, .. } if query[1].1 == known.ours));
        self.authorize(name, &ours, &theirs, (client, redirect_uri.to_owned()))
            .await
    }

    async fn redeem(&mut self, name: &str, which: usize, wrong: &str) -> Result<Next, String> {
        let Some(found) = self.codes.get(which % self.codes.len().max(1)) else {
            return Ok(Next::GoesOn);
        };
        let (client, redirect_uri) = (found.client, found.redirect_uri.as_str());
        let ours = redeeming(self.of(client), &found.code.ours, redirect_uri, wrong);
        let theirs = redeeming(self.of(client), &found.code.theirs, redirect_uri, wrong);
        let (our, their, next) = self.send(name, &ours, &theirs).await?;
        self.keep(client, &our, &their);
        Ok(next)
    }

    async fn renew(&mut self, name: &str, which: usize, wrong: &str) -> Result<Next, String> {
        let renewals: Vec<&Token> = self
            .tokens
            .iter()
            .filter(|token| token.renews != (wrong == "an access token"))
            .collect();
        let Some(found) = renewals.get(which % renewals.len().max(1)) else {
            return Ok(Next::GoesOn);
        };
        let client = found.client;
        let ours = renewing(self.of(client), &found.token.ours, wrong);
        let theirs = renewing(self.of(client), &found.token.theirs, wrong);
        let (our, their, next) = self.send(name, &ours, &theirs).await?;
        self.keep(client, &our, &their);
        Ok(next)
    }

    async fn revoke(&mut self, name: &str, which: usize, wrong: &str) -> Result<Next, String> {
        let Some(found) = self.tokens.get(which % self.tokens.len().max(1)) else {
            return Ok(Next::GoesOn);
        };
        let call = |token: &str| about("/oauth/revoke", self.of(found.client), token, wrong);
        let (_, _, next) = self
            .send(name, &call(&found.token.ours), &call(&found.token.theirs))
            .await?;
        Ok(next)
    }

    fn keep(&mut self, client: usize, our: &Reply, their: &Reply) {
        for (member, renews) in [("access_token", false), ("refresh_token", true)] {
            if let (Some(ours), Some(theirs)) = (our.text(member), their.text(member)) {
                self.tokens.push(Token {
                    token: Both { ours, theirs },
                    client,
                    renews,
                });
            }
        }
    }

    /// Asks both about every access token that they gave. What becomes of refresh tokens shows when
    /// they are used.
    async fn same_tokens_live(&self, name: &str) -> Result<Next, String> {
        for (number, token) in self
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| !token.renews)
        {
            let call = about(
                "/oauth/introspect",
                self.of(token.client),
                &token.token.ours,
                "",
            );
            let our = self.ours.call(&call).await.body["active"] == true;
            if our == self.theirs.is_good(&token.token.theirs).await {
                continue;
            }
            return match LIVING
                .iter()
                .position(|meant| meant.step == name && meant.ours == our)
            {
                Some(number) => {
                    differences::seen(MEANT.len() + number);
                    Ok(Next::Parted)
                }
                None => Err(format!(
                    "after {name}, access token {number} is good: we say {our}"
                )),
            };
        }
        Ok(Next::GoesOn)
    }
}

fn is_success(outcome: &str) -> bool {
    outcome == "done" || outcome.contains(": code,")
}

fn last(parameters: &Parameters, name: &str) -> String {
    let found = parameters.iter().rev().find(|(n, _)| n == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[actix_web::test]
async fn we_answer_as_another_oauth_server_does() {
    let began = "2026-11-22T12:00:00Z".parse().unwrap();
    let clock = Clock::set(began);
    let ours = Ours::open(&clock).await;
    let clients = ours.clients().await;
    let (mut wrong, mut compared, mut parted) = (Vec::new(), 0, 0);
    for seed in 0..SESSIONS {
        // People are signed in for hours only.
        clock.move_to(began);
        let theirs = Theirs::open(&clock, &clients).await;
        let (codes, tokens, pushed) = (Vec::new(), Vec::new(), Vec::new());
        let mut session = Session {
            clock: &clock,
            ours: &ours,
            theirs,
            clients: &clients,
            codes,
            tokens,
            pushed,
            asked: 0,
        };
        let mut seeded = Seeded(seed);
        for number in 0..STEPS {
            compared += 1;
            match session.step(Step::of(&mut seeded)).await {
                Ok(Next::GoesOn) => {}
                Ok(Next::Parted) => {
                    parted += 1;
                    break;
                }
                Err(why) => {
                    wrong.push(format!("session {seed}, step {number}: {why}"));
                    break;
                }
            }
        }
    }
    ours.close().await;
    println!("{compared} steps compared, {parted} sessions parted where it is meant");
    assert!(
        wrong.is_empty(),
        "{} sessions differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    differences::all_were_seen();
}
