//! The same for a call that is held while the person decides: the connection dies with the process,
//! the app has nothing to come back with, and so asks anew.

use std::{cell::Cell, pin::pin};

use futures_util::future::join;
use jiff::SignedDuration;
use serde_json::json;

use super::{Asked, Stage, Way, process::Process, process::Sent, token_of};
use crate::world::{Answer, detail};

/// How the app asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Okap,
    Flat,
}

impl Form {
    /// A call at this address that is held as long as the form has it.
    pub(super) fn call(self, address: &str) -> Sent {
        let (path, body) = match self {
            Self::Okap => (
                "/okap/authorize",
                json!({"okap": "1.0", "authorization_details": [detail(json!({}))], "client": {"name": "Notebook"}}),
            ),
            Self::Flat => (
                "/okap/request",
                json!({"okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"], "app_name": "Notebook"}),
            ),
        };
        Sent::json(path, &body).with("authorization", &format!("Bearer {address}"))
    }
}

impl Stage {
    /// Asks, approves when the request is there, and gives the answer to the call; what was asked is
    /// kept as soon as it is known, and points are counted from the approval.
    async fn held(
        &self,
        process: &Process,
        form: Form,
        point: i64,
        asked: &Cell<Option<Asked>>,
    ) -> Option<Answer> {
        let call = form.call(&self.handle);
        let mut call = pin!(process.send(&call));
        let request = tokio::select! {
            answer = &mut call => panic!("answered before anybody decided: {:?}", answer.map(|a| a.body)),
            request = self.world.the_request(&self.person) => request,
        };
        let one = Asked {
            request,
            secret: String::new(),
        };
        self.points.choose(point).await;
        let both = join(call, self.approve(process, &one));
        asked.set(Some(Asked {
            request: one.request.clone(),
            secret: String::new(),
        }));
        both.await.0
    }
}

/// Kills at each point in turn until none is left; gives how many there were, and after how many of
/// them there was a token that nobody had.
async fn killed_while_held(form: Form) -> (i64, i64) {
    let stage = Stage::set(Way::Poll).await;
    let mut process = Process::start(&stage.world).await;
    let (mut point, mut lost) = (0, 0);
    loop {
        point += 1;
        let asked = Cell::default();
        let mut whole = Box::pin(stage.held(&process, form, point, &asked));
        let finished = stage.points.unless_reached(&mut whole).await;
        let asked_of = |asked: Cell<Option<Asked>>| asked.into_inner().unwrap();
        if let Some(answer) = finished {
            stage.points.release().await;
            let token = answer.as_ref().and_then(token_of);
            assert!(token.is_some(), "{form:?} at {point}: {answer:?}");
            drop(whole);
            assert_eq!(stage.tokens(&asked_of(asked)).await, (1, 1));
            break;
        }
        drop(whole);
        process.kill();
        stage.points.release().await;
        let asked = asked_of(asked);
        let (ever, live) = stage.tokens(&asked).await;
        assert!(ever <= 1, "{form:?} at {point}: {ever} tokens");
        lost += live;
        process = Process::start(&stage.world).await;
        // Of a yes that comes now, nobody is there to hear.
        let approved = stage.approve(&process, &asked).await.unwrap();
        assert!(matches!(approved.status, 200 | 409), "{}", approved.body);
        assert_eq!(
            stage.tokens(&asked).await,
            (ever, live),
            "{form:?} at {point}"
        );
        let again = Cell::default();
        let answer = stage.held(&process, form, 0, &again).await.unwrap();
        stage.points.release().await;
        let token = token_of(&answer).expect("a token");
        assert!(stage.is_live(&token).await, "{form:?} at {point}");
        assert_eq!(stage.tokens(&asked_of(again)).await, (1, 1));
    }
    println!(
        "{form:?} held: {} points, a token that nobody had after {lost}",
        point - 1
    );
    assert_eq!(stage.world.live_tokens().await, lost + point);
    // What was granted to nobody ends by itself.
    stage.world.later(SignedDuration::from_mins(11));
    stage.world.requests().end_uncollected().await.unwrap();
    let alive: i64 = stage
        .world
        .look("SELECT count(*) FROM consent.grants WHERE state = 'live'")
        .await;
    assert_eq!(alive, lost + point);
    stage.ends_everything().await;
    (point - 1, lost)
}

#[actix_web::test]
async fn a_kill_while_a_call_is_held_leaves_one_token_or_none() {
    let (points, lost) = killed_while_held(Form::Okap).await;
    // Only within the commit of the delivery.
    assert!(points >= 8 && lost <= 2, "{points} {lost}");
}

#[actix_web::test]
async fn a_kill_while_the_flat_form_is_held_leaves_one_token_or_none() {
    let (points, lost) = killed_while_held(Form::Flat).await;
    assert!(points >= 8 && lost <= 2, "{points} {lost}");
}
