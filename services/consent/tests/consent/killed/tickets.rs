//! The same for a connect ticket that grants at once: it is spent together with the one token it gives,
//! or it is there still.

use serde_json::{Value, json};

use super::{Stage, Way, held::Form, process::Process, token_of};

fn ceiling() -> Value {
    json!({"providers": ["openai"], "models": ["gpt-4o*"], "monthly_spend": "10", "days": 30})
}

/// Kills at each point in turn until none is left, with a ticket for each; gives how many there were,
/// and after how many of them the token was lost.
async fn killed_with_a_ticket(form: Form) -> (i64, i64) {
    let stage = Stage::set(Way::Poll).await;
    let world = &stage.world;
    let mut process = Process::start(world).await;
    let (mut point, mut lost) = (0, 0);
    loop {
        point += 1;
        let before = world.live_tokens().await;
        let ticket = world.ticket(&stage.person, ceiling()).await;
        stage.points.choose(point).await;
        let call = form.call(&ticket);
        let finished = stage.points.unless_reached(process.send(&call)).await;
        if let Some(answer) = finished {
            stage.points.release().await;
            let token = answer.as_ref().and_then(token_of);
            assert!(token.is_some(), "{form:?} at {point}: {answer:?}");
            break;
        }
        process.kill();
        stage.points.release().await;
        let made = world.live_tokens().await - before;
        assert!(made <= 1, "{form:?} at {point}: {made} live");
        lost += made;
        process = Process::start(world).await;
        // The flat form would wait for minutes with a spent ticket, which looks like nobody at home.
        let once_more = Form::Okap.call(&ticket).with("prefer", "wait=0");
        let again = process.send(&once_more).await.unwrap();
        let expected = if made == 1 { 202 } else { 200 };
        assert_eq!(again.status, expected, "{form:?} at {point}: {again:?}");
        if let Some(token) = token_of(&again) {
            assert!(stage.is_live(&token).await, "{form:?} at {point}");
        }
        let spent = process.send(&once_more).await.unwrap();
        assert_eq!(spent.status, 202, "{form:?} at {point}: {spent:?}");
        let live = world.live_tokens().await - before;
        assert_eq!(live, 1, "{form:?} at {point}: {live} live");
    }
    println!(
        "{form:?} with a ticket: {} points, the token lost after {lost}",
        point - 1
    );
    assert_eq!(world.count("consent.grant_access").await, point);
    assert_eq!(world.waiting(&stage.person).await, 0);
    stage.ends_everything().await;
    (point - 1, lost)
}

#[actix_web::test]
async fn a_kill_while_a_ticket_is_used_spends_it_for_one_token_or_leaves_it() {
    let (points, lost) = killed_with_a_ticket(Form::Okap).await;
    // Only within the commit, where one deferred trigger stands for each event.
    assert!(points >= 8 && (1..=5).contains(&lost), "{points} {lost}");
}

#[actix_web::test]
async fn a_kill_while_a_ticket_is_used_in_the_flat_form_spends_it_for_one_token_or_leaves_it() {
    let (points, lost) = killed_with_a_ticket(Form::Flat).await;
    assert!(points >= 8 && (1..=5).contains(&lost), "{points} {lost}");
}
