//! A live grant is changed by its members alone: `PATCH /grants/{id} {limits, expires, models}`.

use actix_web::http::Method;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Answer, Person, World, detail};

async fn change(world: &World, person: &Person, grant: &str, body: Value) -> Answer {
    let path = format!("/grants/{grant}");
    world.api(person, Method::PATCH, &path, Some(body)).await
}

async fn granted_now(world: &World, person: &Person, grant: &str) -> Value {
    let grant = world.get(person, &format!("/grants/{grant}")).await;
    grant.json()["authorization_details"].clone()
}

#[actix_web::test]
async fn members_alone_change_a_grant_with_one_provider() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let asked = detail(json!({"models": ["gpt-4o*"], "capabilities": ["chat", "vision"]}));
    let (grant, _) = world.granted(&person, json!([asked])).await;
    let mut expected = granted_now(&world, &person, &grant).await;

    for (body, member, value) in [
        (json!({"limits": {"daily_spend": 2}}), "limits", json!(null)),
        (
            json!({"expires": "2026-11-22T13:00:00Z"}),
            "expires",
            json!("2026-11-22T13:00:00Z"),
        ),
        (
            json!({"models": ["gpt-4o-mini"], "limits": null}),
            "models",
            json!(["gpt-4o-mini"]),
        ),
    ] {
        let answer = change(&world, &person, &grant, body.clone()).await;
        assert_eq!(answer.status, 204, "{body}: {}", answer.body);
        if member == "limits" {
            expected[0]["limits"]["daily_spend"] = json!(2);
        } else {
            expected[0][member] = value;
        }
        assert_eq!(
            granted_now(&world, &person, &grant).await,
            expected,
            "{body}"
        );
    }
    let enforced: Value = world
        .look("SELECT details->0 FROM consent.grant_access")
        .await;
    assert_eq!(
        (
            &enforced["limits"]["daily_spend"],
            &enforced["models"],
            &enforced["expires"]
        ),
        (
            &json!("2"),
            &json!(["gpt-4o-mini"]),
            &json!("2026-11-22T13:00:00Z")
        )
    );
    let wider = change(&world, &person, &grant, json!({"models": ["gpt-4o*"]})).await;
    assert_eq!(
        (wider.status, wider.problem().as_str()),
        (422, "beyond-grant")
    );
}

#[actix_web::test]
async fn a_fault_in_a_member_is_named_where_it_was_sent() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let before = granted_now(&world, &person, &grant).await;
    for (body, pointer) in [
        (
            json!({"limits": {"monthly_spend": 0}}),
            "/limits/monthly_spend",
        ),
        (
            json!({"limits": {"requests_per_minute": 1.5}}),
            "/limits/requests_per_minute",
        ),
        (json!({"limits": {"monthly": 1}}), "/limits"),
        (json!({"limits": []}), "/limits"),
        (json!({"expires": "2020-01-01"}), "/expires"),
        (json!({"expires": "tomorrow"}), "/expires"),
        (json!({"models": "gpt-4o"}), "/models"),
        (json!({"models": ["a*b"]}), "/models"),
    ] {
        let answer = change(&world, &person, &grant, body.clone()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "invalid-authorization-details"),
            "{body}: {}",
            answer.body
        );
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            json!(pointer),
            "{body}"
        );
        assert!(
            !answer.text("detail").contains("authorization_details"),
            "{body}: {}",
            answer.body
        );
    }
    for (body, words) in [
        (json!({}), "Name what changes"),
        (json!({"limits": null, "models": null}), "Name what changes"),
        (
            json!({"authorization_details": [detail(json!({}))], "models": ["gpt-4o"]}),
            "not both",
        ),
        (json!({"expires": 5}), "does not fit"),
        (json!({"capabilities": ["chat"]}), "unknown field"),
    ] {
        let answer = change(&world, &person, &grant, body.clone()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "bad-request"),
            "{body}"
        );
        assert!(answer.text("detail").contains(words), "{}", answer.body);
    }
    assert_eq!(granted_now(&world, &person, &grant).await, before);
}

#[actix_web::test]
async fn members_alone_do_not_say_which_of_several_providers() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    for provider in ["openai", "google"] {
        world.key(&person, provider).await;
    }
    let google = json!({"type": "ai_model_access", "provider": "google", "models": ["gemini*"]});
    let asked = json!([detail(json!({})), google]);
    let (grant, _) = world.granted(&person, asked).await;
    let before = granted_now(&world, &person, &grant).await;
    let answer = change(&world, &person, &grant, json!({"expires": "2026-11-22"})).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (422, "several-providers")
    );
    assert!(answer.text("detail").contains("`authorization_details`"));
    assert_eq!(granted_now(&world, &person, &grant).await, before);
}
