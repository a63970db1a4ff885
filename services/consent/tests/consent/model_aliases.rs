//! Names that an organization gives to several models together: who may, which, and who sees them.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    custom_providers,
    world::{Answer, Person, World},
};

const PATH: &str = "/model-aliases";

/// What is set in most tests, with these members in the place of its own.
fn fast(members: &Value) -> Value {
    let mut alias = json!({"name": "fast", "candidates": [{"model": "openai/gpt-4o-mini"}, {"model": "groq/llama-3.1-8b-instant"}]});
    let all = alias.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    alias
}

async fn set(world: &World, person: &Person, members: &Value) -> Answer {
    world.post(person, PATH, fast(members)).await
}

/// Sets it; gives its path.
async fn path_of(world: &World, person: &Person, members: &Value) -> String {
    let answer = set(world, person, members).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    format!("{PATH}/{}", answer.text("id"))
}

async fn listed(world: &World, person: &Person) -> Value {
    world.get(person, PATH).await.json()["items"].take()
}

async fn patch(world: &World, person: &Person, path: &str, change: Value) -> Answer {
    world.api(person, Method::PATCH, path, Some(change)).await
}

/// One that is changed, and one that was removed; for whoever wants every kind of event.
pub async fn lived(world: &World, person: &Person) {
    let path = path_of(world, person, &json!({})).await;
    let changed = patch(world, person, &path, json!({"strategy": "latency"})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let gone = path_of(world, person, &json!({"name": "gone"})).await;
    world.done(person, Method::DELETE, &gone, None).await;
}

#[actix_web::test]
async fn those_who_set_policy_set_them_and_everybody_of_the_organization_sees_them() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let member = world.member(owner.tenant, Role::Member).await;
    let other = world.person(Role::Owner).await;
    let weighted = json!({"strategy": "weighted", "candidates": [{"model": "openai/gpt-4o-mini", "weight": 3}, {"model": "openrouter/openai/gpt-4o"}]});
    assert_eq!(set(&world, &member, &weighted).await.status, 403);
    let answer = set(&world, &owner, &weighted).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.text("id");
    assert!(id.starts_with("alias_"), "{id}");
    let mut expected = json!({
        "id": id, "name": "fast", "strategy": "weighted", "candidates": weighted["candidates"],
        "set_at": "2026-11-22T12:00:00Z", "changed_at": "2026-11-22T12:00:00Z"
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(listed(&world, &member).await, json!([expected]));
    assert_eq!(listed(&world, &other).await, json!([]));

    let path = format!("{PATH}/{id}");
    world.later(SignedDuration::from_secs(1));
    let change =
        json!({"strategy": "fallback", "candidates": [{"model": "groq/llama-3.1-8b-instant"}]});
    for (person, status) in [(&member, 403), (&other, 404), (&owner, 200), (&owner, 200)] {
        let changed = patch(&world, person, &path, change.clone()).await;
        assert_eq!(changed.status, status, "{}", changed.body);
        world.later(SignedDuration::from_secs(1));
    }
    expected["strategy"] = json!("fallback");
    expected["candidates"] = change["candidates"].clone();
    expected["changed_at"] = json!("2026-11-22T12:00:03Z");
    assert_eq!(listed(&world, &member).await, json!([expected]));

    let remove = async |person| world.api(person, Method::DELETE, &path, None).await.status;
    let ends = [
        remove(&member).await,
        remove(&other).await,
        remove(&owner).await,
        remove(&owner).await,
    ];
    assert_eq!(ends, [403, 404, 204, 404]);
    assert_eq!(patch(&world, &owner, &path, change).await.status, 404);
    assert_eq!(listed(&world, &owner).await, json!([]));
    // Its name is free again.
    path_of(&world, &owner, &json!({})).await;
}

#[actix_web::test]
async fn what_it_may_not_be_is_refused_where_it_stands() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let other = world.person(Role::Owner).await;
    custom_providers::added(&world, &owner, json!({})).await;
    custom_providers::added(&world, &other, json!({"name": "their-llm"})).await;
    let candidates = |all: Value| json!({"candidates": all});
    let nine: Vec<Value> = (0..9)
        .map(|n| json!({"model": format!("openai/m{n}")}))
        .collect();
    let weighted = |weight: u32| json!({"strategy": "weighted", "candidates": [{"model": "openai/a"}, {"model": "openai/b", "weight": weight}]});
    for (wrong, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "Fast"}), "/name"),
        (json!({"name": "1fast"}), "/name"),
        (json!({"name": "a/b"}), "/name"),
        (json!({"name": "a".repeat(65)}), "/name"),
        (json!({"name": "openai"}), "/name"),
        (json!({"name": "sandbox"}), "/name"),
        (json!({"name": "acme-llm"}), "/name"),
        (candidates(json!([])), "/candidates"),
        (candidates(json!(nine)), "/candidates"),
        (
            candidates(json!([{"model": "gpt-4o"}])),
            "/candidates/0/model",
        ),
        (
            candidates(json!([{"model": "openai/gpt-4o*"}])),
            "/candidates/0/model",
        ),
        (
            candidates(json!([{"model": "openai/"}])),
            "/candidates/0/model",
        ),
        (
            candidates(json!([{"model": "openai/a"}, {"model": "OpenAI/a"}])),
            "/candidates/1/model",
        ),
        (
            candidates(json!([{"model": "openai/a"}, {"model": "openai/a"}])),
            "/candidates/1/model",
        ),
        (
            candidates(json!([{"model": "openai/a"}, {"model": "nobody/a"}])),
            "/candidates/1/model",
        ),
        // Another organization's provider is nobody's.
        (
            candidates(json!([{"model": "their-llm/a"}])),
            "/candidates/0/model",
        ),
        (
            candidates(json!([{"model": "openai/a", "weight": 2}])),
            "/candidates/0/weight",
        ),
        (weighted(0), "/candidates/1/weight"),
        (weighted(1_001), "/candidates/1/weight"),
    ] {
        let answer = set(&world, &owner, &wrong).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{wrong}");
    }
    for wrong in [
        json!({"strategy": "fastest"}),
        json!({"candidates": ["openai/a"]}),
        json!({"candidates": [{"model": "openai/a", "weight": -1}]}),
        json!({"owner": "x"}),
    ] {
        let answer = set(&world, &owner, &wrong).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
    }
    assert_eq!(world.count("consent.model_aliases").await, 0);
    // Its own organization's providers are known.
    let path = path_of(
        &world,
        &owner,
        &candidates(json!([{"model": "acme-llm/large"}])),
    )
    .await;
    let unknown = json!({"candidates": [{"model": "nobody/a"}]});
    let refused = patch(&world, &owner, &path, unknown).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let mine = &listed(&world, &owner).await[0]["candidates"];
    assert_eq!(*mine, json!([{"model": "acme-llm/large"}]));
}

#[actix_web::test]
async fn a_name_is_given_once_in_an_organization() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let other = world.person(Role::Owner).await;
    path_of(&world, &owner, &json!({})).await;
    path_of(&world, &other, &json!({})).await;
    let again = set(&world, &owner, &json!({})).await;
    assert_eq!(again.status, 409, "{}", again.body);
    assert_eq!(again.json()["errors"][0]["pointer"], "/name");
    // Nor does a provider have it.
    let provider = json!({"name": "fast", "base_url": "https://llm.acme.example/v1"});
    let provider = world.post(&owner, "/custom-providers", provider).await;
    assert_eq!(provider.status, 409, "{}", provider.body);
    for n in 1..50 {
        path_of(&world, &owner, &json!({"name": format!("fast-{n}")})).await;
    }
    let more = set(&world, &owner, &json!({"name": "more"})).await;
    assert_eq!(more.status, 409, "{}", more.body);
    assert_eq!(world.count("consent.model_aliases").await, 51);
}

#[actix_web::test]
async fn each_change_stands_in_the_audit_record() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let path = path_of(&world, &owner, &json!({})).await;
    world.later(SignedDuration::from_secs(1));
    patch(&world, &owner, &path, json!({"strategy": "latency"})).await;
    world.later(SignedDuration::from_secs(1));
    world.done(&owner, Method::DELETE, &path, None).await;
    let entries = world.get(&owner, "/audit").await.json()["items"].take();
    let id = path.rsplit('/').next().unwrap();
    let told: Vec<_> = (entries.as_array().unwrap().iter())
        .map(|entry| (entry["action"].as_str().unwrap(), &entry["subjects"]))
        .collect();
    let alias = json!({"model_alias": id});
    assert_eq!(
        told,
        [
            ("model_alias.removed", &alias),
            ("model_alias.set", &alias),
            ("model_alias.set", &alias)
        ]
    );
}

#[actix_web::test]
async fn the_same_is_done_on_a_page() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let member = world.member(owner.tenant, Role::Member).await;
    assert_eq!(world.browse(&member, PATH).await.status, 403);
    let fill = async |name, candidates| {
        let fields = [
            ("name", name),
            ("strategy", "weighted"),
            ("candidates", candidates),
        ];
        world.submit(&owner, PATH, PATH, &fields).await
    };
    for (name, candidates, told) in [
        ("openai", "openai/a", "This is the name of a provider"),
        ("fast", "openai/a\n\nb\n", "Model 2: A model is named"),
        ("fast", "openai/a = x", "Model 1: A weight is 1 to 1000"),
        ("fast", "nobody/a", "Model 1: No provider of this name"),
        ("fast", "\n", "A model alias stands for 1 to 8 models"),
    ] {
        let wrong = fill(name, candidates).await;
        assert_eq!(wrong.status, 422, "{candidates}");
        assert!(wrong.body.contains(told), "{candidates}: {}", wrong.body);
    }
    let two = "openai/gpt-4o-mini = 3\n groq/llama-3.1-8b-instant \n";
    assert_eq!(fill("fast", two).await.status, 303);
    let alias = &listed(&world, &owner).await[0];
    let candidates = json!([{"model": "openai/gpt-4o-mini", "weight": 3}, {"model": "groq/llama-3.1-8b-instant"}]);
    assert_eq!(
        (&alias["strategy"], &alias["candidates"]),
        (&json!("weighted"), &candidates)
    );
    let shown = world.browse(&owner, PATH).await;
    assert!(
        shown.body.contains("openai/gpt-4o-mini (3)"),
        "{}",
        shown.body
    );
    assert_eq!(fill("fast", two).await.status, 409);
    let remove = format!("{PATH}/{}/remove", alias["id"].as_str().unwrap());
    assert_eq!(world.submit(&owner, PATH, &remove, &[]).await.status, 303);
    assert_eq!(listed(&world, &owner).await, json!([]));
}
