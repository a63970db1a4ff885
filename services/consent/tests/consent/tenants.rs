//! Another organization's things, and a colleague's, are as unknown as what was never made.

use actix_web::http::Method;
use consent::{access_request::Refusal, grant::Authority};
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Person, World, detail};

type Call = (Method, String, Option<Value>);

/// One of each thing, by every call that names one; the last are for the organization to decide on.
async fn calls(world: &World, person: &Person) -> (Vec<Call>, Vec<Call>) {
    let key = world.key(person, "openai").await;
    let (grant, _) = world.granted(person, json!([detail(json!({}))])).await;
    let (revoked, _) = world.granted(person, json!([detail(json!({}))])).await;
    assert_eq!(
        world
            .post(person, &format!("/grants/{revoked}/revoke"), json!({}))
            .await
            .status,
        204
    );
    let request = world
        .pending(person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let decided = world
        .pending(person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    assert_eq!(world.deny(person, &decided).await.status, 204);
    let handle = world
        .post(person, "/handles", json!({"label": "Home"}))
        .await
        .text("id");
    let app = json!({"name": "App", "redirect_uris": ["https://app.test/cb"]});
    let app = world.post(person, "/apps", app).await.text("id");
    let change = json!({"authorization_details": [detail(json!({}))]});
    let mut calls = vec![
        (
            Method::POST,
            format!("/provider-keys/{key}/rotate"),
            Some(json!({"secret": "sk-stolen-0123456789"})),
        ),
        (Method::DELETE, format!("/provider-keys/{key}"), None),
        (Method::DELETE, format!("/handles/{handle}"), None),
    ];
    for request in [request, decided] {
        calls.push((Method::GET, format!("/requests/{request}"), None));
        calls.push((
            Method::POST,
            format!("/requests/{request}/approve"),
            Some(json!({})),
        ));
        calls.push((
            Method::POST,
            format!("/requests/{request}/deny"),
            Some(json!({})),
        ));
    }
    let mut of_organization = Vec::new();
    for grant in [grant, revoked] {
        calls.push((Method::GET, format!("/grants/{grant}"), None));
        calls.push((
            Method::PATCH,
            format!("/grants/{grant}"),
            Some(change.clone()),
        ));
        let tried = json!({"shadow_limits": {"requests_per_day": 1}});
        calls.push((Method::PATCH, format!("/grants/{grant}"), Some(tried)));
        let adopt = format!("/grants/{grant}/shadow-limits/adopt");
        calls.push((Method::POST, adopt, None));
        let drop = format!("/grants/{grant}/shadow-limits");
        calls.push((Method::DELETE, drop, None));
        of_organization.push((Method::POST, format!("/grants/{grant}/revoke"), None));
    }
    of_organization.extend([
        (Method::GET, format!("/apps/{app}/grants"), None),
        (Method::POST, format!("/apps/{app}/revoke-grants"), None),
        (
            Method::PATCH,
            format!("/apps/{app}"),
            Some(json!({"name": "Theirs"})),
        ),
        (Method::DELETE, format!("/apps/{app}"), None),
    ]);
    (calls, of_organization)
}

/// Everything that anybody decided, and what follows from it.
async fn everything(world: &World) -> Vec<i64> {
    let tables = [
        "store.events",
        "consent.sealed_keys",
        "consent.grants",
        "consent.access_requests",
        "consent.apps",
    ];
    let mut counts = vec![world.live_tokens().await];
    for table in tables {
        counts.push(world.count(table).await);
    }
    counts.push(
        world
            .look("SELECT count(*) FROM consent.handles WHERE ended_at IS NULL")
            .await,
    );
    counts
}

#[actix_web::test]
async fn every_id_of_somebody_else_is_not_found_and_nothing_changes() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    let (calls, of_organization) = calls(&world, &person).await;
    let stranger = world.person(Role::Owner).await;
    let colleague = world.member(person.tenant, Role::Owner).await;
    let before = everything(&world).await;
    for (who, name) in [(&stranger, "a stranger"), (&colleague, "a colleague")] {
        let of_organization = of_organization.iter().filter(|_| name == "a stranger");
        for (method, path, body) in calls.iter().chain(of_organization) {
            let answer = world.api(who, method.clone(), path, body.clone()).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (404, "not-found"),
                "{name} {method} {path}: {}",
                answer.body
            );
            // As one that was never made.
            let id = path.split('/').nth(2).unwrap();
            let unknown = path.replace(id, &format!("{}0123456789ab", &id[..id.len() - 12]));
            let never = world.api(who, method.clone(), &unknown, body.clone()).await;
            assert_eq!(
                (never.status, never.text("detail")),
                (404, answer.text("detail")),
                "{name} {method} {path}"
            );
        }
        for list in [
            "/requests",
            "/requests?state=decided",
            "/grants",
            "/decisions",
            "/provider-keys",
            "/handles",
        ] {
            assert_eq!(
                world.get(who, list).await.json()["items"],
                json!([]),
                "{name} {list}"
            );
        }
    }
    assert_eq!(everything(&world).await, before);
    assert_eq!(
        world.get(&stranger, "/apps").await.json()["items"],
        json!([])
    );
    for (method, path, body) in of_organization {
        let answer = world.api(&colleague, method, &path, body).await;
        assert!(
            matches!(answer.status, 200 | 204),
            "{path}: {}",
            answer.body
        );
    }
}

#[actix_web::test]
async fn the_rooms_keep_people_apart_by_themselves() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let grants = consent::grant::Grants::new(world.vault.clone());
    let request = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id")
        .parse()
        .unwrap();
    for stranger in [
        world.person(Role::Owner).await,
        world.member(person.tenant, Role::Owner).await,
    ] {
        let actor = stranger.actor();
        for revoked_already in [false, true] {
            let refused = grants
                .revoke((&actor, Authority::Owner), grant.parse().unwrap(), "theirs")
                .await;
            assert!(
                matches!(
                    refused,
                    Err(consent::grant::GrantError::Refused(
                        consent::grant::Refusal::Unknown
                    ))
                ),
                "{revoked_already}"
            );
            grants
                .revoke(
                    (&person.actor(), Authority::Owner),
                    grant.parse().unwrap(),
                    "mine",
                )
                .await
                .unwrap();
        }
        let refused = world
            .requests()
            .deny(
                &actor,
                request,
                None,
                consent::access_request::DecidedAt::Api,
            )
            .await;
        assert!(matches!(
            refused,
            Err(consent::access_request::RequestError::Refused(
                Refusal::Unknown
            ))
        ));
    }
}
