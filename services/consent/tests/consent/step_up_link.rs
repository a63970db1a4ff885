//! The link of a refused call: the one thing that was missing, allowed by the grant's person alone.

use actix_web::{http::Method, test::TestRequest};
use futures_util::future::join;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Person, World, detail};

async fn owner_with_grant(world: &World) -> (Person, String) {
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    (person, grant)
}

fn link(grant: &str, missing: &str) -> String {
    format!("/connected-apps/{grant}/allow?provider=openai&{missing}")
}

async fn enforced(world: &World) -> Value {
    world
        .look("SELECT details->0 FROM consent.grant_access")
        .await
}

fn shown(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"shown\" value=\"").expect(html);
    rest.split('"').next().unwrap().to_owned()
}

#[actix_web::test]
async fn one_press_allows_the_model_that_was_missing_and_nothing_else() {
    let world = World::open().await;
    let (person, grant) = owner_with_grant(&world).await;
    let link = link(&grant, "model=o1");
    let before = enforced(&world).await;
    let page = world.browse(&person, &link).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("the model o1 at OpenAI") && page.body.contains("Allow o1"));
    assert_eq!(enforced(&world).await, before, "looking changes nothing");
    let fields = [("shown", shown(&page.body))];
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let sent = world.submit(&person, &link, &link, &fields).await;
    assert_eq!(
        (sent.status, sent.header("location")),
        (303, "/connected-apps?done=allowed")
    );
    let mut expected = before;
    expected["models"] = json!(["gpt-4o-mini", "o1"]);
    assert_eq!(enforced(&world).await, expected);
    // Pressed again, there is nothing to press any more.
    let again = world.browse(&person, &link).await.body;
    assert!(again.contains("Its grant has that by now") && !again.contains("name=\"shown\""));
}

#[actix_web::test]
async fn a_kind_of_work_is_allowed_the_same_way() {
    let world = World::open().await;
    let (person, grant) = owner_with_grant(&world).await;
    let link = link(&grant, "capability=embeddings");
    let page = world.browse(&person, &link).await;
    let digest = shown(&page.body);
    let sent = world
        .submit(&person, &link, &link, &[("shown", &digest)])
        .await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    assert_eq!(
        enforced(&world).await["capabilities"],
        json!(["chat", "embeddings"])
    );
}

#[actix_web::test]
async fn a_limit_is_raised_within_what_the_app_may_have() {
    let world = World::open().await;
    let (person, grant) = owner_with_grant(&world).await;
    let link = link(&grant, "limit=monthly_spend");
    // Asked for no limit, an unverified app has its whole cap.
    let full = world.browse(&person, &link).await.body;
    assert!(
        full.contains("at most $5.00 a month") && !full.contains("name=\"shown\""),
        "{full}"
    );
    let lower = json!({"authorization_details": [detail(json!({"limits": {"monthly_spend": 1, "daily_spend": 1}}))]});
    let path = format!("/grants/{grant}");
    world.done(&person, Method::PATCH, &path, Some(lower)).await;
    let page = world.browse(&person, &link).await.body;
    assert!(
        page.contains("value=\"2\""),
        "twice what it was is proposed: {page}"
    );
    for (raised, status) in [
        ("6", 422),
        ("1", 422),
        ("0.5", 422),
        ("NaN", 422),
        ("3", 303),
    ] {
        let digest = shown(&world.browse(&person, &link).await.body);
        let fields = [("shown", digest.as_str()), ("raised", raised)];
        let sent = world.submit(&person, &link, &link, &fields).await;
        assert_eq!(sent.status, status, "{raised}: {}", sent.body);
    }
    let limits = enforced(&world).await["limits"].clone();
    assert_eq!(
        (&limits["monthly_spend"], &limits["daily_spend"]),
        (&json!("3"), &json!("1"))
    );
}

#[actix_web::test]
async fn to_anybody_else_there_is_no_such_page() {
    let world = World::open().await;
    let (person, grant) = owner_with_grant(&world).await;
    let colleague = world.member(person.tenant, Role::Owner).await;
    let stranger = world.person(Role::Owner).await;
    let (real, made_up) = (
        link(&grant, "model=o1"),
        link("grant_0198c0de0000700080000000000000ff", "model=o1"),
    );
    let nothing = world.browse(&person, &made_up).await;
    assert_eq!(nothing.status, 404);
    for other in [&colleague, &stranger] {
        let page = world.browse(other, &real).await;
        assert_eq!(page.status, 404, "{}", page.body);
        assert!(!page.body.contains("Notebook"));
        let digest = shown(&world.browse(&person, &real).await.body);
        // Even with the owner's own form.
        let sent = world
            .submit(
                other,
                "/connected-apps?done=x",
                &real,
                &[("shown", &digest)],
            )
            .await;
        assert_eq!(sent.status, 404, "{}", sent.body);
    }
    let nobody = world.send(TestRequest::get().uri(&real)).await;
    let (to, _) = nobody.sent_to();
    assert!(to.ends_with("/sign-in"), "{to}");
    assert_eq!(enforced(&world).await["models"], json!(["gpt-4o-mini"]));
}

#[actix_web::test]
async fn a_form_of_another_page_or_of_another_moment_is_refused() {
    let world = World::open().await;
    let (person, grant) = owner_with_grant(&world).await;
    let (wanted, other) = (link(&grant, "model=o1"), link(&grant, "model=gpt-4o"));
    let digest = shown(&world.browse(&person, &other).await.body);
    let sent = world
        .submit(&person, &wanted, &wanted, &[("shown", &digest)])
        .await;
    assert_eq!(sent.status, 409, "{}", sent.body);
    let digest = shown(&world.browse(&person, &wanted).await.body);
    let lower = json!({"authorization_details": [detail(json!({"limits": {"monthly_spend": 1}}))]});
    let path = format!("/grants/{grant}");
    world.done(&person, Method::PATCH, &path, Some(lower)).await;
    let sent = world
        .submit(&person, &wanted, &wanted, &[("shown", &digest)])
        .await;
    assert_eq!(sent.status, 409, "{}", sent.body);
    assert_eq!(enforced(&world).await["models"], json!(["gpt-4o-mini"]));
}

#[actix_web::test]
async fn a_link_that_says_nothing_sensible_is_told_so() {
    let world = World::open().await;
    let (person, grant) = owner_with_grant(&world).await;
    for odd in [
        "model=gpt*",
        "model=",
        "model=o1&capability=chat",
        "limit=requests_per_day",
        "x=1",
        "model=%3Cscript%3E",
    ] {
        let page = world.browse(&person, &link(&grant, odd)).await;
        assert_eq!(page.status, 400, "{odd}: {}", page.body);
        assert!(!page.body.contains("<script>"));
    }
    let elsewhere = format!("/connected-apps/{grant}/allow?provider=google&model=gemini-2.5-flash");
    let page = world.browse(&person, &elsewhere).await;
    assert!(
        page.body.contains("has no access there at all"),
        "{}",
        page.body
    );
}

#[actix_web::test]
async fn of_a_revocation_and_a_press_at_once_the_revocation_wins() {
    let world = World::open().await;
    for round in 0..10 {
        let (person, grant) = owner_with_grant(&world).await;
        let link = link(&grant, "model=o1");
        let digest = shown(&world.browse(&person, &link).await.body);
        let path = format!("/grants/{grant}/revoke");
        let fields = [("shown", digest.as_str())];
        let (sent, revoked) = join(
            world.submit(&person, &link, &link, &fields),
            world.api(&person, Method::POST, &path, None),
        )
        .await;
        assert_eq!(revoked.status, 204, "{round}: {}", revoked.body);
        assert!(
            matches!(sent.status, 200 | 303 | 409),
            "{round}: {} {}",
            sent.status,
            sent.body
        );
        assert_eq!(world.live_tokens().await, 0, "{round}");
        let state = world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state");
        assert_eq!(state, "revoked", "{round}");
    }
}
