//! The history: every decision, who took it, and nobody else's.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    step_up,
    world::{Person, World, detail},
};

/// One decision of every kind, in order.
async fn decide_all(world: &World, person: &Person) {
    world.key(person, "openai").await;
    let moment = || world.later(SignedDuration::from_secs(1));
    let denied = world.pending(person, json!([detail(json!({}))])).await;
    let path = format!("/requests/{}/deny", denied.text("request_id"));
    let reason = Some(json!({"reason": "not this month"}));
    world.done(person, Method::POST, &path, reason).await;
    moment();
    let (grant, token) = world.granted(person, json!([detail(json!({}))])).await;
    moment();
    step_up::widened(world, person, &token).await;
    moment();
    let lower = json!({"authorization_details": [{"type": "ai_model_access", "provider": "openai", "limits": {"monthly_spend": 1, "daily_spend": 1}}]});
    let path = format!("/grants/{grant}");
    world.done(person, Method::PATCH, &path, Some(lower)).await;
    moment();
    world
        .done(
            person,
            Method::POST,
            &format!("/grants/{grant}/revoke"),
            None,
        )
        .await;
}

fn kinds(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["kind"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn every_decision_is_written_down_with_what_was_asked_and_granted() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    decide_all(&world, &person).await;
    let list = world.get(&person, "/decisions").await.json();
    assert_eq!(
        kinds(&list),
        ["revoked", "changed", "widened", "granted", "denied"]
    );
    assert_eq!(list["next_cursor"], Value::Null);
    for item in list["items"].as_array().unwrap() {
        assert_eq!(item["decided_by"], json!("person"), "{item}");
        assert_eq!(item["app_name"], json!("Notebook"));
    }
    let [_, changed, widened, granted, denied] = list["items"].as_array().unwrap().as_slice()
    else {
        panic!("{list}");
    };
    assert_eq!(denied["reason"], json!("not this month"));
    assert!(
        denied.get("granted_authorization_details").is_none() && denied["request_id"].is_string()
    );
    assert_eq!(
        granted["authorization_details"][0]["models"],
        json!(["gpt-4o-mini"])
    );
    assert_eq!(widened["authorization_details"][0]["models"], json!(["o1"]));
    assert_eq!(
        widened["granted_authorization_details"][0]["models"],
        json!(["gpt-4o-mini", "o1"])
    );
    assert_eq!(widened["grant_id"], granted["grant_id"]);
    assert_eq!(
        changed["granted_authorization_details"][0]["limits"]["monthly_spend"],
        json!(1)
    );
}

#[actix_web::test]
async fn the_list_comes_in_pieces_and_of_one_app() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    decide_all(&world, &person).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let piece = world
            .get(&person, &format!("/decisions?limit=2{cursor}"))
            .await
            .json();
        seen.extend(kinds(&piece).into_iter().map(str::to_owned));
        match piece["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["revoked", "changed", "widened", "granted", "denied"]);
    let of_app = world.get(&person, "/decisions?app=Notebook").await.json();
    assert_eq!(kinds(&of_app).len(), 5);
    let of_other = world.get(&person, "/decisions?app=Other").await.json();
    assert_eq!(of_other["items"], json!([]));
    for (odd, at) in [
        ("limit=0", 400),
        ("limit=201", 400),
        ("cursor=x", 400),
        ("x=1", 400),
    ] {
        assert_eq!(
            world
                .get(&person, &format!("/decisions?{odd}"))
                .await
                .status,
            at,
            "{odd}"
        );
    }
}

#[actix_web::test]
async fn nobody_sees_another_persons_decisions() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    decide_all(&world, &person).await;
    let colleague = world.member(person.tenant, Role::Owner).await;
    let stranger = world.person(Role::Owner).await;
    for other in [&colleague, &stranger] {
        let list = world.get(other, "/decisions").await.json();
        assert_eq!(list["items"], json!([]));
        let page = world.browse(other, "/decisions").await.body;
        assert!(
            page.contains("Nothing was decided yet") && !page.contains("Notebook"),
            "{page}"
        );
    }
}

#[actix_web::test]
async fn a_ticket_is_said_to_have_decided() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let ceiling =
        json!({"providers": ["openai"], "models": ["gpt-4o*"], "monthly_spend": "10", "days": 30});
    let ticket = world.ticket(&person, ceiling).await;
    let answer = world
        .ask(
            &ticket,
            json!([detail(
                json!({"limits": {"monthly_spend": 1, "daily_spend": 1}})
            )]),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = world.get(&person, "/decisions").await.json();
    assert_eq!(
        (&list["items"][0]["kind"], &list["items"][0]["decided_by"]),
        (&json!("granted"), &json!("ticket"))
    );
}

#[actix_web::test]
async fn the_page_tells_it_in_words_and_the_inbox_leads_there() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    decide_all(&world, &person).await;
    let page = world.browse(&person, "/decisions").await.body;
    for words in [
        "Given more",
        "Revoked",
        "Denied",
        "not this month",
        "by you",
        "gpt-4o-mini, o1",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let none = world.browse(&person, "/decisions?app=Other").await.body;
    assert!(none.contains("No decision about this app"), "{none}");
    let inbox = world.browse(&person, "/inbox").await.body;
    assert!(inbox.contains("href=\"/decisions\""));
}
