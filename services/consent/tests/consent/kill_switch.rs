//! An administrator ends what one app has of everybody, or one grant of anybody.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth,
    world::{Person, World, detail},
};

/// An administrator, two members who granted the same app something, and the app.
async fn organization(world: &World) -> (Person, [Person; 2], String) {
    let admin = world.person(Role::Admin).await;
    let client = oauth::register(world, &admin).await;
    let members = [
        world.member(admin.tenant, Role::Member).await,
        world.member(admin.tenant, Role::Member).await,
    ];
    for member in &members {
        world.key(member, "openai").await;
        for _ in 0..2 {
            with_token(world, member, &client).await;
        }
    }
    (admin, members, client)
}

/// A grant of this person for the app whose token went out; gives its id.
async fn with_token(world: &World, person: &Person, client: &str) -> String {
    let (code, grant) = oauth::code(world, person, client).await;
    let token = oauth::post_form(world, "/oauth/token", &oauth::redeeming(client, &code)).await;
    assert_eq!(token.status, 200, "{}", token.body);
    grant
}

async fn states(world: &World, person: &Person) -> Vec<Value> {
    let grants = world.get(person, "/grants").await.json();
    let items = grants["items"].as_array().unwrap().iter();
    items.map(|grant| grant["state"].clone()).collect()
}

#[actix_web::test]
async fn every_live_grant_of_one_app_is_listed_and_revoked_for_everybody() {
    let world = World::open().await;
    let (admin, members, client) = organization(&world).await;
    let (other, _) = world.granted(&members[0], json!([detail(json!({}))])).await;
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/apps/{client}/grants?limit=3{cursor}");
        let page = world.get(&admin, &path).await.json();
        listed.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed.len(), 4);
    for member in &members {
        let theirs = listed
            .iter()
            .filter(|grant| grant["user_id"] == json!(member.user.to_string()));
        assert_eq!(theirs.count(), 2);
    }
    world.later(SignedDuration::from_secs(1));
    let path = format!("/apps/{client}/revoke-grants");
    let answer = world.post(&admin, &path, json!({})).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"revoked": 4})),
        "{}",
        answer.body
    );
    // What another app has stays.
    assert_eq!(world.live_tokens().await, 1);
    let kept = world.get(&members[0], &format!("/grants/{other}")).await;
    assert_eq!(kept.text("state"), "live");
    assert_eq!(states(&world, &members[1]).await, ["revoked", "revoked"]);
    let again = world.post(&admin, &path, json!({})).await;
    assert_eq!(again.json(), json!({"revoked": 0}));
    // The owner sees who did it, and so does the record.
    let history = world.get(&members[1], "/decisions").await.json();
    let newest = &history["items"][0];
    assert_eq!(
        (
            &newest["kind"],
            &newest["decided_by"],
            &newest["administrator_id"]
        ),
        (
            &json!("revoked"),
            &json!("administrator"),
            &json!(admin.user.to_string())
        )
    );
    let page = world.browse(&members[1], "/decisions").await;
    let words = format!("by the administrator {}", admin.user);
    assert!(page.body.contains(&words), "{}", page.body);
    let actors: i64 = world
        .look(&format!(
            "SELECT count(*) FROM store.events WHERE type = 'grant.revoked' AND actor = '{}'",
            admin.user
        ))
        .await;
    assert_eq!(actors, 4);
}

#[actix_web::test]
async fn an_administrator_revokes_the_grant_of_a_member_and_nobody_else_does() {
    let world = World::open().await;
    let (admin, members, client) = organization(&world).await;
    let grants = world.get(&members[0], "/grants").await.json();
    let grant = grants["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/grants/{grant}/revoke");
    let stranger = world.person(Role::Owner).await;
    let finance = world.member(admin.tenant, Role::Finance).await;
    for (who, status) in [(&stranger, 404), (&members[1], 404), (&finance, 403)] {
        assert_eq!(
            world.post(who, &path, json!({})).await.status,
            status,
            "{status}"
        );
    }
    for (method, path) in [
        (Method::GET, format!("/apps/{client}/grants")),
        (Method::POST, format!("/apps/{client}/revoke-grants")),
    ] {
        for (who, status) in [(&stranger, 404), (&members[0], 403), (&finance, 403)] {
            let answer = world.api(who, method.clone(), &path, None).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
    }
    assert_eq!(world.live_tokens().await, 4);
    world.later(SignedDuration::from_secs(1));
    world.done(&admin, Method::POST, &path, None).await;
    assert_eq!(world.live_tokens().await, 3);
    let history = world.get(&members[0], "/decisions").await.json();
    assert_eq!(history["items"][0]["decided_by"], json!("administrator"));
    // To look into it or change it is not an administrator's.
    let path = format!("/grants/{grant}");
    assert_eq!(world.get(&admin, &path).await.status, 404);
    let change = Some(json!({"expires": "2026-11-22"}));
    let changed = world.api(&admin, Method::PATCH, &path, change).await;
    assert_eq!(changed.status, 404);
}
