//! Providers that an organization adds: who may, which, and who sees them.

use std::sync::Arc;

use actix_web::http::Method;
use clock::Clock;
use key_vault::{OpenRefusal, Opener};
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth,
    parts::{keys, pool},
    world::{Person, World, detail},
};

const HERE: &str = "https://llm.acme.example";

/// What is added in most tests, with these members.
fn acme(members: &Value) -> Value {
    let mut provider = json!({"name": "acme-llm", "base_url": "https://llm.acme.example/v1/"});
    let all = provider.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    provider
}

/// Adds it; gives its id.
pub async fn added(world: &World, person: &Person, members: Value) -> String {
    let answer = world
        .post(person, "/custom-providers", acme(&members))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.text("id")
}

/// One is added and removed, with a key in between.
pub async fn lived(world: &World, person: &Person) {
    let id = added(world, person, json!({"name": "gone-llm"})).await;
    world.key(person, "gone-llm").await;
    let path = format!("/custom-providers/{id}");
    world.done(person, Method::DELETE, &path, None).await;
    added(world, person, json!({"name": "kept-llm"})).await;
}

fn asked() -> Value {
    json!([detail(json!({"provider": "acme-llm", "models": ["large"]}))])
}

#[actix_web::test]
async fn those_who_set_policy_add_and_remove_them_and_everybody_sees_them() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let member = world.member(owner.tenant, Role::Member).await;
    let other = world.person(Role::Owner).await;
    let price = json!({"input": "0.15", "output": "0.6"});
    let body = acme(&json!({"price": price}));
    let refused = world.post(&member, "/custom-providers", body.clone()).await;
    assert_eq!(refused.status, 403);
    let id = added(&world, &owner, json!({"price": price})).await;
    let listed = json!([{
        "id": id, "name": "acme-llm", "kind": "openai_compatible",
        "base_url": "https://llm.acme.example/v1", "price": price, "added_at": "2026-11-22T12:00:00Z"
    }]);
    let list = async |person| world.get(person, "/custom-providers").await.json()["items"].clone();
    assert_eq!(list(&member).await, listed);
    assert_eq!(list(&other).await, json!([]));
    assert_eq!(
        world.post(&owner, "/custom-providers", body).await.status,
        409
    );

    let path = format!("/custom-providers/{id}");
    let remove = async |person| world.api(person, Method::DELETE, &path, None).await.status;
    assert_eq!(
        [
            remove(&member).await,
            remove(&other).await,
            remove(&owner).await,
            remove(&owner).await
        ],
        [403, 404, 204, 404]
    );
    // Another address is another provider.
    let patch = world
        .api(
            &owner,
            Method::PATCH,
            &path,
            Some(json!({"base_url": HERE})),
        )
        .await;
    assert!(matches!(patch.status, 404 | 405), "{}", patch.status);
    assert_eq!(list(&member).await, json!([]));
}

#[actix_web::test]
async fn what_could_mean_something_else_or_lead_inside_is_refused() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    for wrong in [
        json!({"name": "openai"}),
        json!({"name": "openrouter"}),
        json!({"name": "sandbox"}),
        json!({"name": "Acme"}),
        json!({"name": "a/b"}),
        json!({"name": ""}),
        json!({"name": "chat"}),
        json!({"name": "v1"}),
        json!({"name": "models"}),
        json!({"name": "okap"}),
        json!({"base_url": "http://llm.acme.example"}),
        json!({"base_url": "https://user:secret@llm.acme.example"}),
        json!({"base_url": "https://10.0.0.1/v1"}),
        json!({"base_url": "https://[::ffff:10.0.0.1]/v1"}),
        json!({"base_url": "https://169.254.169.254"}),
        json!({"base_url": "https://llm.acme.example/v1?x=1"}),
        json!({"base_url": "https://llm.acme.example/a/../b"}),
        json!({"kind": "azure"}),
        json!({"kind": "other"}),
        json!({"price": {"input": "-1", "output": "1"}}),
        json!({"price": {"input": "1"}}),
        json!({"price": {"input": 1, "output": 1}}),
        json!({"models": {"fast": "gpt-4o-mini"}}),
        json!({"header": "x"}),
    ] {
        let answer = world.post(&owner, "/custom-providers", acme(&wrong)).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
    }
    assert_eq!(world.count("consent.custom_providers").await, 0);
    let azure = json!({"kind": "azure", "base_url": "https://acme.openai.azure.com", "models": {"fast": "gpt-4o-mini"}});
    added(&world, &owner, azure).await;
}

#[actix_web::test]
async fn another_organizations_provider_is_as_unknown_as_none() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let other = oauth::owner(&world).await;
    added(&world, &owner, json!({})).await;
    // At an address that is theirs, at one of another organization, and at none.
    let theirs = world.ask(&world.handle(&owner).await, asked()).await;
    assert_eq!(theirs.status, 202, "{}", theirs.body);
    let nowhere = "vlt_0000000000000000000000000000000000000000".to_owned();
    for address in [
        world.handle(&other).await,
        world.ticket(&other, json!(null)).await,
        nowhere,
    ] {
        let answer = world.ask(&address, asked()).await;
        assert_eq!(answer.status, 400, "{address}: {}", answer.body);
        assert!(answer.body.contains("unknown provider"), "{}", answer.body);
        assert!(!answer.body.contains("llm.acme.example"), "{}", answer.body);
    }
    // Through the browser, and pushed.
    let client = oauth::register(&world, &other).await;
    let mut parameters = oauth::asking(&client);
    for (name, value) in &mut parameters {
        if name == "authorization_details" {
            *value = asked().to_string();
        }
    }
    let (_, back) = oauth::authorize(&world, &other, &parameters)
        .await
        .sent_to();
    let error = back.iter().find(|(name, _)| name == "error").unwrap();
    assert_eq!(error.1, "invalid_authorization_details");
    let secret = json!({"provider": "acme-llm", "name": "Main", "secret": "sk-CANARY-0123456789"});
    let key = world.post(&other, "/provider-keys", secret).await;
    assert_eq!(key.status, 400, "{}", key.body);
    assert_eq!(world.waiting(&other).await, 0);
}

#[actix_web::test]
async fn the_page_names_it_together_with_its_host_and_a_person_grants_it() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    added(&world, &person, json!({})).await;
    let page = world.browse(&person, "/provider-keys").await;
    assert!(
        page.body.contains("acme-llm at llm.acme.example"),
        "{}",
        page.body
    );
    world.key(&person, "acme-llm").await;
    let pending = world.pending(&person, asked()).await;
    let id = pending.text("request_id");
    let page = world.browse(&person, &format!("/requests/{id}")).await;
    assert!(
        page.body.contains("acme-llm at llm.acme.example"),
        "{}",
        page.body
    );
    assert_eq!(world.approve(&person, &id).await.status, 200);
    let collected = world.poll(&id, &pending.text("poll_secret")).await.json();
    let granted = &collected["authorization_details"][0];
    assert_eq!(granted["provider"], "acme-llm");
    assert!(
        granted["base_url"]
            .as_str()
            .unwrap()
            .ends_with("/v1/acme-llm"),
        "{granted}"
    );
}

#[actix_web::test]
async fn its_keys_open_for_its_host_alone_and_go_with_it() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    let id = added(&world, &person, json!({})).await;
    let key = world.key(&person, "acme-llm").await;
    let rotate = format!("/provider-keys/{key}/rotate");
    let secret = json!({"secret": "sk-CANARY-rotated-0001"});
    world
        .done(&person, Method::POST, &rotate, Some(secret))
        .await;
    let opens = async |origin: &str| {
        let pool = pool(&world.scratch, "proxy", 1);
        let opener = Opener::new(keys(&world.scratch), pool, Clock::system());
        let origin: Arc<str> = origin.into();
        let key = key.parse().unwrap();
        let opened = opener
            .open_newest(person.tenant, key, Some(&origin), "r")
            .await;
        opened.map(|key| key.reveal().to_owned())
    };
    assert_eq!(opens(HERE).await.unwrap(), "sk-CANARY-rotated-0001");
    for other in ["https://evil.example", "http://llm.acme.example"] {
        assert!(
            matches!(opens(other).await, Err(OpenRefusal::Refused(_))),
            "{other}"
        );
    }
    let path = format!("/custom-providers/{id}");
    world.done(&person, Method::DELETE, &path, None).await;
    assert_eq!(world.count("consent.sealed_keys").await, 0);
    let listed = world.get(&person, "/provider-keys").await.json();
    assert_eq!(listed["items"], json!([]));
    // One of the same name elsewhere is another provider, and has no keys.
    added(&world, &person, json!({"base_url": "https://evil.example"})).await;
    assert!(matches!(
        opens("https://evil.example").await,
        Err(OpenRefusal::Unknown)
    ));
}

#[actix_web::test]
async fn the_same_is_done_on_a_page() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let member = world.member(owner.tenant, Role::Member).await;
    assert_eq!(world.browse(&member, "/custom-providers").await.status, 403);
    let page = "/custom-providers";
    let fill = async |base_url| {
        let fields = [
            ("name", "acme-azure"),
            ("kind", "azure"),
            ("base_url", base_url),
            ("models", "fast = gpt-4o-mini\n\nslow=gpt-4o\n"),
        ];
        world.submit(&owner, page, page, &fields).await
    };
    let wrong = fill("https://llm.acme.example").await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.body.contains("A resource of Azure OpenAI is"),
        "{}",
        wrong.body
    );
    assert_eq!(fill("https://acme.openai.azure.com").await.status, 303);
    let listed = world.get(&owner, page).await.json();
    assert_eq!(
        listed["items"][0]["models"],
        json!({"fast": "gpt-4o-mini", "slow": "gpt-4o"})
    );
    let shown = world.browse(&owner, page).await;
    assert!(
        shown.body.contains("2 deployments with a price"),
        "{}",
        shown.body
    );
    assert_eq!(fill("https://acme.openai.azure.com").await.status, 409);
    let id = listed["items"][0]["id"].as_str().unwrap();
    let remove = format!("/custom-providers/{id}/remove");
    assert_eq!(world.submit(&owner, page, &remove, &[]).await.status, 303);
    assert_eq!(world.get(&owner, page).await.json()["items"], json!([]));
}
