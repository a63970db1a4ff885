//! Tighter limits are tried first: they watch, and then they bite or go.

use actix_web::http::Method;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    exchange::{child, grant_of, granted},
    oauth::owner,
    world::{Answer, Person, World, detail},
};

async fn patch(world: &World, person: &Person, grant: &str, limits: Value) -> Answer {
    let body = json!({"shadow_limits": limits});
    let path = format!("/grants/{grant}");
    world.api(person, Method::PATCH, &path, Some(body)).await
}

async fn adopt(world: &World, person: &Person, grant: &str) -> Answer {
    let path = format!("/grants/{grant}/shadow-limits/adopt");
    world.api(person, Method::POST, &path, None).await
}

async fn shown(world: &World, person: &Person, grant: &str) -> Value {
    world.get(person, &format!("/grants/{grant}")).await.json()
}

/// What the proxy reads.
async fn watching(world: &World) -> Value {
    let sql =
        "SELECT coalesce(jsonb_agg(definition ORDER BY provider), '[]') FROM consent.shadow_limits";
    world.look(sql).await
}

/// Shadow limits that were set, replaced, adopted, dropped and are there; for whoever wants every kind
/// of event.
pub async fn lived(world: &World, person: &Person, grant: &str) {
    let set = async |calls: u32| {
        let answer = patch(world, person, grant, json!({"requests_per_day": calls})).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    };
    set(50).await;
    set(40).await;
    assert_eq!(adopt(world, person, grant).await.status, 204);
    set(30).await;
    let dropped = patch(world, person, grant, Value::Null).await;
    assert_eq!(dropped.status, 204, "{}", dropped.body);
    set(20).await;
}

#[actix_web::test]
async fn they_are_tried_replaced_and_dropped_while_the_grant_stays_as_it_is() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let before = shown(&world, &person, &grant).await;
    assert_eq!(before.get("shadow_limits"), None);

    let tried = json!({"monthly_spend": 0.5, "requests_per_minute": 3});
    let set = patch(&world, &person, &grant, tried.clone()).await;
    assert_eq!(set.status, 204, "{}", set.body);
    let mut after = shown(&world, &person, &grant).await;
    let shadow = after["shadow_limits"].take();
    let first = shadow[0]["id"].as_str().unwrap();
    assert!(first.starts_with("shadow_"), "{first}");
    assert_eq!(
        shadow,
        json!([{"id": first, "provider": "openai", "limits": tried, "set_at": "2026-11-22T12:00:00Z"}])
    );
    assert_eq!(
        after["authorization_details"],
        before["authorization_details"]
    );
    let definition = json!([{"id": first, "provider": "openai", "limits": {"monthly_spend": "0.5", "requests_per_minute": 3}}]);
    assert_eq!(watching(&world).await, definition);

    // The same go on counting; others begin anew.
    patch(&world, &person, &grant, tried).await;
    assert_eq!(watching(&world).await, definition);
    patch(&world, &person, &grant, json!({"monthly_spend": 0.25})).await;
    let other = watching(&world).await;
    assert_ne!(other[0]["id"], json!(first));
    assert_eq!(other.as_array().unwrap().len(), 1);

    for _ in 0..2 {
        let dropped = patch(&world, &person, &grant, Value::Null).await;
        assert_eq!(dropped.status, 204, "{}", dropped.body);
        assert_eq!(watching(&world).await, json!([]));
    }
    assert_eq!(shown(&world, &person, &grant).await, before);
}

#[actix_web::test]
async fn adopted_they_are_the_limits_of_the_grant() {
    let world = World::open().await;
    let person = world.person(Role::Admin).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let none = adopt(&world, &person, &grant).await;
    assert_eq!(
        (none.status, none.problem().as_str()),
        (409, "no-shadow-limits")
    );
    let before = shown(&world, &person, &grant).await;
    patch(&world, &person, &grant, json!({"monthly_spend": 0.5})).await;
    let id = watching(&world).await[0]["id"].take();
    assert_eq!(adopt(&world, &person, &grant).await.status, 204);
    let after = shown(&world, &person, &grant).await;
    let mut expected = before["authorization_details"].clone();
    expected[0]["limits"]["monthly_spend"] = json!(0.5);
    assert_eq!(after["authorization_details"], expected);
    assert_eq!(after.get("shadow_limits"), None);
    let enforced: Value = world
        .look("SELECT details->0->'limits'->'monthly_spend' FROM consent.grant_access")
        .await;
    assert_eq!(enforced, json!("0.5"));

    let audit = world.get(&person, "/audit?limit=50").await.json();
    let told: Vec<_> = (audit["items"].as_array().unwrap().iter())
        .map(|entry| {
            (
                entry["action"].clone(),
                entry["subjects"]["shadow_limits"].clone(),
            )
        })
        .collect();
    for (action, shadow) in [
        ("grant.shadow_limits_set", id.clone()),
        ("grant.shadow_limits_adopted", id),
        ("grant.changed", Value::Null),
    ] {
        assert!(told.contains(&(json!(action), shadow)), "{told:?}");
    }
}

#[actix_web::test]
async fn only_a_tightening_of_what_is_granted_is_taken() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    world.key(&person, "anthropic").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let limits = &shown(&world, &person, &grant).await["authorization_details"][0]["limits"];
    let above = limits["requests_per_day"].as_u64().unwrap() + 1;
    for (sent, status, problem, pointer) in [
        (
            json!({"requests_per_day": above}),
            422,
            "shadow-limit-above",
            "/shadow_limits/requests_per_day",
        ),
        (json!({}), 400, "invalid-request", "/shadow_limits"),
        (
            json!({"monthly_spend": 0}),
            400,
            "invalid-authorization-details",
            "/shadow_limits/monthly_spend",
        ),
        (
            json!({"monthly_spend": "1"}),
            400,
            "invalid-authorization-details",
            "/shadow_limits/monthly_spend",
        ),
        (
            json!({"spend": 1}),
            400,
            "invalid-authorization-details",
            "/shadow_limits",
        ),
        (
            json!({"provider": "anthropic", "monthly_spend": 0.1}),
            422,
            "nothing-granted",
            "/shadow_limits/provider",
        ),
        (
            json!({"provider": 5, "monthly_spend": 0.1}),
            400,
            "invalid-request",
            "/shadow_limits/provider",
        ),
    ] {
        let answer = patch(&world, &person, &grant, sent.clone()).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["errors"][0]["pointer"]),
            (status, &json!(pointer)),
            "{sent}: {}",
            answer.body
        );
        if problem != "invalid-request" {
            assert_eq!(answer.problem(), problem, "{sent}");
        }
    }
    let both = json!({"shadow_limits": {"monthly_spend": 0.1}, "limits": {"monthly_spend": 1}});
    let path = format!("/grants/{grant}");
    let both = world.api(&person, Method::PATCH, &path, Some(both)).await;
    assert_eq!(both.status, 400, "{}", both.body);
    assert_eq!(watching(&world).await, json!([]));

    let colleague = world.member(person.tenant, Role::Admin).await;
    let foreign = patch(&world, &colleague, &grant, json!({"monthly_spend": 0.1})).await;
    assert_eq!(foreign.status, 404);
    assert_eq!(adopt(&world, &colleague, &grant).await.status, 404);

    let anthropic = detail(json!({"provider": "anthropic", "models": ["claude-sonnet-4-5"]}));
    let two = json!([detail(json!({})), anthropic]);
    let (grant, _) = world.granted(&person, two).await;
    let unnamed = patch(&world, &person, &grant, json!({"monthly_spend": 0.1})).await;
    assert_eq!(
        (unnamed.status, unnamed.problem().as_str()),
        (422, "several-providers")
    );
    for provider in ["anthropic", "openai"] {
        let named = json!({"provider": provider, "monthly_spend": 0.1});
        assert_eq!(patch(&world, &person, &grant, named).await.status, 204);
    }
    assert_eq!(watching(&world).await.as_array().unwrap().len(), 2);
    // Each by itself, or all.
    let path = format!("/grants/{grant}/shadow-limits");
    let at = |path: &str, provider| format!("{path}?provider={provider}");
    world
        .done(&person, Method::DELETE, &at(&path, "anthropic"), None)
        .await;
    let left = watching(&world).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["provider"], "openai");
    let adopt = format!("{path}/adopt");
    let nothing = at(&adopt, "anthropic");
    let none = world.api(&person, Method::POST, &nothing, None).await;
    assert_eq!(none.status, 409);
    world
        .done(&person, Method::POST, &at(&adopt, "openai"), None)
        .await;
    let named = json!({"provider": "anthropic", "monthly_spend": 0.1});
    patch(&world, &person, &grant, named).await;
    world
        .done(
            &person,
            Method::POST,
            &format!("/grants/{grant}/revoke"),
            None,
        )
        .await;
    assert_eq!(watching(&world).await, json!([]));
}

#[actix_web::test]
async fn adopted_above_they_reach_what_was_made_from_the_grant() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    let made = child(&world, &token, &[]).await;
    assert_eq!(
        patch(&world, &person, &parent, json!({"monthly_spend": 0.5}))
            .await
            .status,
        204
    );
    let limit = async || {
        let grant = grant_of(&world, &made).await;
        shown(&world, &person, &grant).await["authorization_details"][0]["limits"]["monthly_spend"]
            .take()
    };
    assert_ne!(limit().await, json!(0.5), "they only watch");
    assert_eq!(adopt(&world, &person, &parent).await.status, 204);
    assert_eq!(limit().await, json!(0.5));
}

#[actix_web::test]
async fn a_person_tries_applies_and_stops_them_on_the_page() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let page = format!("/connected-apps/{grant}/edit");
    let action = format!("/connected-apps/{grant}/shadow-limits/openai");
    let filled = |calls| {
        [
            ("d0.shadow.monthly_spend", ""),
            ("d0.shadow.daily_spend", ""),
            ("d0.shadow.requests_per_minute", ""),
            ("d0.shadow.requests_per_day", calls),
            ("d0.shadow.tokens_per_request", ""),
        ]
    };
    let faulty = world.submit(&person, &page, &action, &filled("many")).await;
    assert_eq!(faulty.status, 422);
    assert!(
        faulty.body.contains("Write a whole number"),
        "{}",
        faulty.body
    );
    assert!(faulty.body.contains("value=\"many\""));

    let tried = world.submit(&person, &page, &action, &filled("30")).await;
    assert_eq!(tried.header("location"), format!("{page}?done=tried"));
    let id = watching(&world).await[0]["id"].take();
    let html = world
        .browse(&person, &format!("{page}?done=tried"))
        .await
        .body;
    for expected in [
        "30 calls a day.",
        &format!(
            "data-fragment=\"/usage/shadow-limits?shadow={}&amp;fragment=1\"",
            id.as_str().unwrap()
        ),
        "Try others instead",
        "Apply now",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    let stopped = world
        .submit(&person, &page, &format!("{action}/stop"), &[])
        .await;
    assert_eq!(stopped.header("location"), format!("{page}?done=stopped"));
    assert_eq!(watching(&world).await, json!([]));

    world.submit(&person, &page, &action, &filled("20")).await;
    let applied = world
        .submit(&person, &page, &format!("{action}/adopt"), &[])
        .await;
    assert_eq!(applied.header("location"), format!("{page}?done=adopted"));
    let limits = &shown(&world, &person, &grant).await["authorization_details"][0]["limits"];
    assert_eq!(limits["requests_per_day"], json!(20));
}
