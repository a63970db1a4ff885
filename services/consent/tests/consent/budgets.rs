//! What an organization lets be spent above its grants.

use std::{convert::Infallible, time::Duration};

use actix_web::http::Method;
use event_store::{EventStore, StreamId, Version};
use events::UserEvent;
use serde_json::{Value, json};
use sessions::Role;
use spend_limits::Ledger;

use crate::{
    oauth,
    world::{Answer, Person, World, detail},
};

async fn post(world: &World, person: &Person, budget: Value) -> Answer {
    world.post(person, "/budgets", budget).await
}

async fn patch(world: &World, person: &Person, id: &str, change: Value) -> Answer {
    let path = format!("/budgets/{id}");
    world.api(person, Method::PATCH, &path, Some(change)).await
}

async fn post_to(world: &World, person: &Person, path: &str) -> Answer {
    world.api(person, Method::POST, path, None).await
}

async fn listed(world: &World, person: &Person) -> Value {
    world.get(person, "/budgets").await.json()["items"].take()
}

/// As auth records that somebody joined.
async fn joined(world: &World, person: &Person) {
    let tx = world.vault.begin("join", person.tenant).await.unwrap();
    let event = [UserEvent::Joined {
        name: "Alice Archer".to_owned(),
        role: "member".to_owned(),
    }];
    let stream = StreamId::of::<UserEvent, _>(person.user);
    let context = world.vault.context(&person.actor());
    EventStore::append(&tx, &stream, Version::NONE, &event, &context)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Budgets that are in force, one of them changed, and one that was removed; for whoever wants every
/// kind of event.
pub async fn lived(world: &World, person: &Person) {
    let set = post(
        world,
        person,
        json!({"scope": "organization", "daily_spend": "5"}),
    )
    .await;
    assert_eq!(set.status, 201, "{}", set.body);
    let changed = patch(world, person, &set.text("id"), json!({"label": "All"})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let path = format!("/budgets/{}", set.text("id"));
    let tried = |amount: &str| json!({"shadow_limits": {"daily_spend": amount}});
    for change in [tried("4"), json!({"shadow_limits": null}), tried("3")] {
        let changed = patch(world, person, &set.text("id"), change).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    let adopted = post_to(world, person, &format!("{path}/shadow-limits/adopt")).await;
    assert_eq!(adopted.status, 200, "{}", adopted.body);
    patch(world, person, &set.text("id"), tried("2")).await;
    let openai = json!({"scope": "provider", "provider": "openai", "monthly_spend": "5"});
    assert_eq!(post(world, person, openai).await.status, 201);
    let google = json!({"scope": "provider", "provider": "google", "monthly_spend": "5"});
    let removed = post(world, person, google).await.text("id");
    let path = format!("/budgets/{removed}");
    world.done(person, Method::DELETE, &path, None).await;
}

#[actix_web::test]
async fn a_budget_lives_from_its_setting_to_its_removal() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let new = json!({"scope": "organization", "monthly_spend": "500", "daily_spend": "25.5", "label": "All of us"});
    let set = post(&world, &owner, new).await;
    assert_eq!(set.status, 201, "{}", set.body);
    let id = set.text("id");
    assert!(id.starts_with("budget_"), "{id}");
    let mut expected = json!({
        "id": id, "scope": "organization", "label": "All of us", "monthly_spend": "500", "daily_spend": "25.5",
        "set_at": "2026-11-22T12:00:00Z", "changed_at": "2026-11-22T12:00:00Z", "standing": null,
    });
    assert_eq!(
        set.json(),
        expected,
        "what is used cannot be read before limits open"
    );
    assert_eq!(listed(&world, &owner).await, json!([expected]));

    let again = patch(&world, &owner, &id, json!({"label": "All of us"})).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let change = json!({"monthly_spend": "800", "daily_spend": null, "label": null});
    let changed = patch(&world, &owner, &id, change).await;
    expected["monthly_spend"] = json!("800");
    for gone in ["daily_spend", "label"] {
        expected.as_object_mut().unwrap().remove(gone);
    }
    assert_eq!(changed.json(), expected);

    let empty = |_| async { Ok::<_, Infallible>(Ledger::default()) };
    let limits = &world.vault.spend_limits;
    limits.open_epoch(empty, Duration::ZERO).await.unwrap();
    let standing = &listed(&world, &owner).await[0]["standing"];
    let month = &standing[0];
    assert_eq!(standing.as_array().unwrap().len(), 1);
    assert_eq!(month["name"], "monthly_spend");
    let amounts = ["limit", "spent", "reserved", "remaining"].map(|name| month[name].clone());
    assert_eq!(amounts, ["800", "0", "0", "800"]);
    assert!(month["resets_at"].is_string());

    let path = format!("/budgets/{id}");
    world.done(&owner, Method::DELETE, &path, None).await;
    assert_eq!(listed(&world, &owner).await, json!([]));
    let gone = world.api(&owner, Method::DELETE, &path, None).await;
    assert_eq!(gone.status, 404);
    let gone = patch(&world, &owner, &id, json!({"label": "x"})).await;
    assert_eq!(gone.status, 404);
    let events = "SELECT string_agg(type, ' ' ORDER BY position) FROM store.events WHERE type LIKE 'budget.%'";
    assert_eq!(
        world.look::<String>(events).await,
        "budget.set budget.changed budget.removed"
    );
}

#[actix_web::test]
async fn of_a_grant_no_more_remains_than_of_the_budgets_that_cover_it() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    world.key(&owner, "openai").await;
    let details = json!([detail(
        json!({"limits": {"monthly_spend": 3, "daily_spend": 2}})
    )]);
    let (grant, _) = world.granted(&owner, details).await;
    let empty = |_| async { Ok::<_, Infallible>(Ledger::default()) };
    let limits = &world.vault.spend_limits;
    limits.open_epoch(empty, Duration::ZERO).await.unwrap();
    let remaining = async || {
        let shown = world.get(&owner, &format!("/grants/{grant}")).await.json();
        let limits = shown["limits"].as_array().unwrap().clone();
        let of = |name| limits.iter().find(|one| one["name"] == name).unwrap()["remaining"].clone();
        [of("monthly_spend"), of("daily_spend")]
    };
    assert_eq!(remaining().await, ["3", "2"]);
    let elsewhere = json!({"scope": "provider", "provider": "google", "monthly_spend": "0.1"});
    assert_eq!(post(&world, &owner, elsewhere).await.status, 201);
    assert_eq!(remaining().await, ["3", "2"]);
    let whole = json!({"scope": "organization", "monthly_spend": "2.5"});
    assert_eq!(post(&world, &owner, whole).await.status, 201);
    assert_eq!(remaining().await, ["2.5", "2"]);
}

#[actix_web::test]
async fn those_who_may_not_set_budgets_see_and_change_none() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let whole = || json!({"scope": "organization", "monthly_spend": "5"});
    let member = world.member(owner.tenant, Role::Member).await;
    assert_eq!(post(&world, &member, whole()).await.status, 403);
    assert_eq!(world.get(&member, "/budgets").await.status, 403);
    let finance = world.member(owner.tenant, Role::Finance).await;
    let id = post(&world, &finance, whole()).await.text("id");
    let path = format!("/budgets/{id}");
    assert_eq!(patch(&world, &member, &id, json!({})).await.status, 403);
    let removed = world.api(&member, Method::DELETE, &path, None).await;
    assert_eq!(removed.status, 403);
    // Another organization's is as unknown as none.
    let stranger = world.person(Role::Owner).await;
    assert_eq!(listed(&world, &stranger).await, json!([]));
    let change = json!({"monthly_spend": "9"});
    assert_eq!(patch(&world, &stranger, &id, change).await.status, 404);
    let removed = world.api(&stranger, Method::DELETE, &path, None).await;
    assert_eq!(removed.status, 404);
    assert_eq!(listed(&world, &finance).await[0]["monthly_spend"], "5");
}

#[actix_web::test]
async fn a_budget_is_for_people_and_apps_of_the_organization() {
    let world = World::open().await;
    let owner = oauth::owner(&world).await;
    let member = world.member(owner.tenant, Role::Member).await;
    joined(&world, &member).await;
    let stranger = oauth::owner(&world).await;
    joined(&world, &stranger).await;
    let own = oauth::register(&world, &owner).await;
    let foreign = oauth::register(&world, &stranger).await;
    let for_user =
        |user: &Person| json!({"scope": "user", "user_id": user.user, "monthly_spend": "5"});
    let for_app = |app: &str| json!({"scope": "app", "client_id": app, "monthly_spend": "5"});
    for unknown in [for_user(&stranger), for_app(&foreign)] {
        let refused = post(&world, &owner, unknown).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
    }
    for known in [for_user(&member), for_app(&own)] {
        let set = post(&world, &owner, known.clone()).await;
        assert_eq!(set.status, 201, "{}", set.body);
        // Once: a second one for the same calls is refused.
        let again = post(&world, &owner, known).await;
        assert_eq!(
            (again.status, again.problem()),
            (409, "scope-taken".to_owned())
        );
    }
    assert_eq!(world.count("consent.budgets").await, 2);
}

#[actix_web::test]
async fn a_budget_that_bounds_nothing_is_refused() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    for wrong in [
        json!({"scope": "organization"}),
        json!({"scope": "organization", "monthly_spend": "0"}),
        json!({"scope": "organization", "monthly_spend": "-1"}),
        json!({"scope": "organization", "daily_spend": "4000000.000000001"}),
        json!({"scope": "organization", "monthly_spend": "5", "label": ""}),
        json!({"scope": "organization", "monthly_spend": "5", "label": "x".repeat(101)}),
        json!({"scope": "organization", "monthly_spend": 5}),
        json!({"scope": "organization", "monthly_spend": "five"}),
        json!({"scope": "organization", "monthly_spend": "5", "provider": "openai"}),
        json!({"scope": "user", "monthly_spend": "5"}),
        json!({"scope": "app", "monthly_spend": "5"}),
        json!({"scope": "provider", "monthly_spend": "5"}),
        json!({"scope": "provider", "provider": "nobody", "monthly_spend": "5"}),
        json!({"scope": "team", "monthly_spend": "5"}),
        json!({"monthly_spend": "5"}),
        json!({"scope": "organization", "monthly_spend": "5", "unheard_of": true}),
    ] {
        let refused = post(&world, &owner, wrong.clone()).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.body);
    }
    assert_eq!(world.count("consent.budgets").await, 0);
    let most = json!({"scope": "organization", "daily_spend": "4000000"});
    let id = post(&world, &owner, most).await.text("id");
    for wrong in [
        json!({"daily_spend": null}),
        json!({"daily_spend": "0"}),
        json!({"scope": "organization"}),
    ] {
        assert_eq!(
            patch(&world, &owner, &id, wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
}

#[actix_web::test]
async fn a_provider_that_the_organization_added_has_a_budget_and_another_s_has_none() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let other = world.person(Role::Owner).await;
    crate::custom_providers::lived(&world, &owner).await;
    let budget = json!({"scope": "provider", "provider": "kept-llm", "monthly_spend": "5"});
    let refused = post(&world, &other, budget.clone()).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let set = post(&world, &owner, budget).await;
    assert_eq!(
        (set.status, set.text("provider")),
        (201, "kept-llm".to_owned())
    );
}

#[actix_web::test]
async fn of_many_at_once_for_one_scope_one_is_set() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let whole = json!({"scope": "organization", "monthly_spend": "5"});
    let asked = (0..8).map(|_| post(&world, &owner, whole.clone()));
    let answers = futures_util::future::join_all(asked).await;
    let set = answers.iter().filter(|answer| answer.status == 201).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((set, taken), (1, 7));
    assert_eq!(world.count("consent.budgets").await, 1);
}

#[actix_web::test]
async fn an_organization_has_fifty_budgets_at_most() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    for _ in 0..50 {
        let member = world.member(owner.tenant, Role::Member).await;
        joined(&world, &member).await;
        let budget = json!({"scope": "user", "user_id": member.user, "monthly_spend": "5"});
        assert_eq!(post(&world, &owner, budget).await.status, 201);
    }
    let whole = json!({"scope": "organization", "monthly_spend": "5"});
    assert_eq!(post(&world, &owner, whole.clone()).await.status, 409);
    // The limit is each organization's own.
    let stranger = world.person(Role::Owner).await;
    assert_eq!(post(&world, &stranger, whole).await.status, 201);
}

#[actix_web::test]
async fn lower_amounts_are_tried_and_then_adopted_or_dropped() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let new = json!({"scope": "organization", "monthly_spend": "500", "label": "All of us"});
    let set = post(&world, &owner, new).await;
    let id = set.text("id");
    let tried = json!({"shadow_limits": {"monthly_spend": "300", "daily_spend": "20"}});
    let trying = patch(&world, &owner, &id, tried.clone()).await;
    assert_eq!(trying.status, 200, "{}", trying.body);
    let mut told = trying.json();
    let shadow = told["shadow_limits"].take();
    let first = shadow["id"].as_str().unwrap();
    assert!(first.starts_with("shadow_"), "{first}");
    let expected = json!({"id": first, "monthly_spend": "300", "daily_spend": "20", "set_at": "2026-11-22T12:00:00Z"});
    assert_eq!(shadow, expected);
    assert_eq!(told["monthly_spend"], "500", "what counts stays");
    let read: Value = world.look("SELECT shadow FROM consent.budgets").await;
    assert_eq!(
        read,
        json!({"id": first, "amounts": {"monthly_spend": "300", "daily_spend": "20"}})
    );
    // The same go on counting, whatever else changes.
    patch(&world, &owner, &id, tried).await;
    let renamed = patch(&world, &owner, &id, json!({"label": "We"})).await;
    assert_eq!(renamed.json()["shadow_limits"]["id"], json!(first));

    for (change, status, pointer) in [
        (
            json!({"shadow_limits": {"monthly_spend": "501"}}),
            422,
            json!("/shadow_limits/monthly_spend"),
        ),
        (json!({"shadow_limits": {}}), 400, Value::Null),
        (
            json!({"shadow_limits": {"daily_spend": "0"}}),
            400,
            json!("/daily_spend"),
        ),
        (
            json!({"shadow_limits": {"daily_spend": "1"}, "label": "x"}),
            400,
            json!("/shadow_limits"),
        ),
    ] {
        let answer = patch(&world, &owner, &id, change.clone()).await;
        let place = &answer.json()["errors"][0]["pointer"];
        assert_eq!(
            (answer.status, place),
            (status, &pointer),
            "{change}: {}",
            answer.body
        );
    }

    let adopt = format!("/budgets/{id}/shadow-limits/adopt");
    let adopted = post_to(&world, &owner, &adopt).await;
    assert_eq!(adopted.status, 200, "{}", adopted.body);
    let told = adopted.json();
    assert_eq!(
        (&told["monthly_spend"], &told["daily_spend"], &told["label"]),
        (&json!("300"), &json!("20"), &json!("We"))
    );
    assert_eq!(told.get("shadow_limits"), None);
    let none = post_to(&world, &owner, &adopt).await;
    assert_eq!(
        (none.status, none.problem().as_str()),
        (409, "no-shadow-limits")
    );

    patch(
        &world,
        &owner,
        &id,
        json!({"shadow_limits": {"daily_spend": "1"}}),
    )
    .await;
    for _ in 0..2 {
        let dropped = patch(&world, &owner, &id, json!({"shadow_limits": null})).await;
        assert_eq!(dropped.json(), told);
    }
    let member = world.member(owner.tenant, Role::Member).await;
    assert_eq!(post_to(&world, &member, &adopt).await.status, 403);
    let stranger = world.person(Role::Owner).await;
    assert_eq!(post_to(&world, &stranger, &adopt).await.status, 404);
}
