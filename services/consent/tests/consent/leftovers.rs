//! What is spent or expired goes, and not before anybody could need it.

use consent::leftovers;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    oauth::{code, owner, post_form, redeeming, register},
    world::{World, detail},
};

const TABLES: [&str; 3] = [
    "consent.authorization_codes",
    "consent.connect_tickets",
    "consent.delivery_channels",
];

async fn counts(world: &World) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(world.count(table).await);
    }
    counts
}

#[actix_web::test]
async fn a_day_after_its_end_it_is_gone_in_every_organization() {
    let world = World::open().await;
    for _ in 0..2 {
        let person = owner(&world).await;
        let client = register(&world, &person).await;
        code(&world, &person, &client).await;
        world.ticket(&person, Value::Null).await;
        world.pending(&person, json!([detail(json!({}))])).await;
    }
    world.later(SignedDuration::from_hours(24));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 0);
    assert_eq!(counts(&world).await, [2, 2, 4]);
    world.later(SignedDuration::from_mins(16));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 8);
    assert_eq!(counts(&world).await, [0, 0, 0]);
    // The record of what was asked and granted stays.
    assert_eq!(world.count("consent.access_requests").await, 4);
    assert_eq!(world.count("consent.grants").await, 2);
}

#[actix_web::test]
async fn more_than_one_batch_goes_batch_by_batch() {
    let world = World::open().await;
    let person = owner(&world).await;
    world.ticket(&person, Value::Null).await;
    let database = world.scratch.owner().await;
    let many = "INSERT INTO consent.connect_tickets (ticket_id, digest, tenant_id, user_id, label, created_at, expires_at)
        SELECT gen_random_uuid(), sha256(n::text::bytea), tenant_id, user_id, label, created_at, expires_at
          FROM consent.connect_tickets, generate_series(1, 1200) n";
    database.batch_execute(many).await.unwrap();
    world.later(SignedDuration::from_hours(25));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 1_201);
}

#[actix_web::test]
async fn however_many_processes_there_are_they_look_every_ten_minutes() {
    let world = World::open().await;
    let person = owner(&world).await;
    leftovers::remove(&world.vault).await.unwrap();
    world.ticket(&person, Value::Null).await;
    world.later(SignedDuration::from_hours(25));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 1);
    world.ticket(&person, Value::Null).await;
    let database = world.scratch.owner().await;
    let ended = "UPDATE consent.connect_tickets SET expires_at = '2020-01-01'";
    database.batch_execute(ended).await.unwrap();
    world.later(SignedDuration::from_mins(9));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 0);
    world.later(SignedDuration::from_mins(1));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 1);
}

#[actix_web::test]
async fn a_spent_code_is_known_for_a_day_and_takes_its_token_along() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (kept, _) = code(&world, &person, &client).await;
    let (gone, _) = code(&world, &person, &client).await;
    for code in [&kept, &gone] {
        let token = post_form(&world, "/oauth/token", &redeeming(&client, code)).await;
        assert_eq!(token.status, 200, "{}", token.body);
    }
    world.later(SignedDuration::from_hours(24));
    leftovers::remove(&world.vault).await.unwrap();
    let replayed = post_form(&world, "/oauth/token", &redeeming(&client, &kept)).await;
    assert_eq!(replayed.text("error"), "invalid_grant");
    assert_eq!(world.live_tokens().await, 1);
    world.later(SignedDuration::from_mins(11));
    leftovers::remove(&world.vault).await.unwrap();
    let forgotten = post_form(&world, "/oauth/token", &redeeming(&client, &gone)).await;
    assert_eq!(forgotten.text("error"), "invalid_grant");
    assert_eq!(world.live_tokens().await, 1);
}
