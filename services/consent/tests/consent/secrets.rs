//! Credentials leave as they are made and stay nowhere: the database keeps digests.

use serde_json::json;
use sessions::Role;
use tokio_postgres::Client;

use crate::{
    native,
    oauth::{self, VERIFIER, post_form, redeeming},
    world::{World, detail},
};

/// Every value of every column that can hold text or bytes, of every table of ours.
async fn everything_stored(owner: &Client) -> Vec<(String, String)> {
    let columns = "
        SELECT format('%I.%I', c.table_schema, c.table_name), c.column_name
          FROM information_schema.columns c
          JOIN information_schema.tables t USING (table_schema, table_name)
         WHERE c.table_schema IN ('store', 'auth', 'consent', 'billing') AND t.table_type = 'BASE TABLE'
           AND c.data_type IN ('text', 'bytea', 'jsonb', 'ARRAY', 'character varying')";
    let mut stored = Vec::new();
    for column in owner.query(columns, &[]).await.unwrap() {
        let (table, name): (String, String) = (column.get(0), column.get(1));
        // Bytes as hexadecimal text, and as the text they may spell.
        let values = format!(
            "SELECT \"{name}\"::text, encode(convert_to(\"{name}\"::text, 'UTF8'), 'hex') FROM {table} WHERE \"{name}\" IS NOT NULL"
        );
        for row in owner.query(&values, &[]).await.unwrap() {
            stored.push((format!("{table}.{name}"), row.get::<_, String>(0)));
        }
    }
    stored
}

#[actix_web::test]
async fn no_credential_and_no_provider_key_is_in_the_database() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    world.key(&person, "openai").await;
    let ceiling = json!({"providers": ["openai"], "monthly_spend": "10", "days": 30});
    let (used, unused) = (
        world.ticket(&person, ceiling.clone()).await,
        world.ticket(&person, ceiling).await,
    );
    let at_once = world
        .ask(&used, json!([detail(json!({}))]))
        .await
        .text("token");
    let pending = world.pending(&person, json!([detail(json!({}))])).await;
    let poll_secret = pending.text("poll_secret");
    world.approve(&person, &pending.text("request_id")).await;
    let collected = world
        .poll(&pending.text("request_id"), &poll_secret)
        .await
        .text("token");
    let client = oauth::register(&world, &person).await;
    let (code, _) = oauth::code(&world, &person, &client).await;
    let redeemed = post_form(&world, "/oauth/token", &redeeming(&client, &code))
        .await
        .text("access_token");
    let (unredeemed, _) = oauth::code(&world, &person, &client).await;
    let by_link = native::code(&world, &person).await;

    let owner = world.scratch.owner().await;
    let stored = everything_stored(&owner).await;
    assert!(
        stored
            .iter()
            .any(|(column, _)| column == "consent.grant_access.token_digest")
    );
    assert!(
        stored
            .iter()
            .any(|(column, _)| column == "consent.sealed_keys.ciphertext")
    );
    assert!(
        stored
            .iter()
            .any(|(_, value)| value.contains("gpt-4o-mini"))
    );
    let secrets = [
        at_once,
        collected,
        redeemed,
        used,
        unused,
        poll_secret,
        code,
        unredeemed,
        by_link,
        format!("_{VERIFIER}"),
        "sk-CANARY-openai-0123456789".to_owned(),
    ];
    for secret in &secrets {
        // The random part, in clear and as bytea shows bytes.
        let body = secret.split_once(['_', '-']).unwrap().1;
        let piece = &body[..12];
        let hex: String = piece.bytes().map(|byte| format!("{byte:02x}")).collect();
        for (column, value) in &stored {
            assert!(
                !value.contains(piece) && !value.contains(&hex),
                "{column} holds a credential"
            );
        }
    }
    assert_eq!(world.live_tokens().await, 3);
    let digest: Vec<u8> = world
        .look("SELECT token_digest FROM consent.grant_access LIMIT 1")
        .await;
    assert_eq!(digest.len(), 32);
}
