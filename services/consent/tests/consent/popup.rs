//! The vault in a popup: what a page asks is bound to its origin, and its answer goes there once.

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Answer, ORIGIN, Person, World, detail};

const PAGE: &str = "https://garden.test:8443";

fn asked(members: &Value) -> Value {
    let mut request = json!({
        "okap": "1.0",
        "authorization_details": [detail(json!({}))],
        "client": {"name": "Garden planner"},
    });
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    json!({"origin": PAGE, "request": request})
}

async fn opened(world: &World, person: &Person) -> Answer {
    let query = "origin=https%3A%2F%2Fgarden.test:8443";
    world.browse(person, &format!("/okap/popup?{query}")).await
}

/// Sends as the popup's script does, with the token that its page carries.
async fn post(world: &World, person: &Person, path: &str, body: Option<Value>) -> Answer {
    let page = opened(world, person).await.body;
    let token = page.split("data-csrf=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    let request = TestRequest::post().uri(path);
    let request = person
        .browsing(request)
        .insert_header(("x-csrf-token", token));
    world
        .send(match body {
            Some(body) => request.set_json(body),
            None => request,
        })
        .await
}

async fn ask(world: &World, person: &Person, body: Value) -> Answer {
    post(world, person, "/okap/popup/requests", Some(body)).await
}

async fn act(world: &World, person: &Person, request: &str, what: &str) -> Answer {
    let path = format!("/okap/popup/requests/{request}/{what}");
    post(world, person, &path, None).await
}

async fn owner(world: &World) -> Person {
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    person
}

/// The id of a request that waits.
async fn waiting(world: &World, person: &Person) -> String {
    let answer = ask(world, person, asked(&json!({}))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(
        answer.text("decide"),
        format!("/requests/{}", answer.text("id"))
    );
    answer.text("id")
}

#[actix_web::test]
async fn only_the_popups_own_pages_keep_their_opener() {
    let world = World::open().await;
    let person = owner(&world).await;
    let request = waiting(&world, &person).await;
    let other = world.pending(&person, json!([detail(json!({}))])).await;
    let other = format!("/requests/{}", other.text("request_id"));
    let nobody = TestRequest::get().uri("/okap/popup?origin=https%3A%2F%2Fgarden.test");
    let nobody = world.send(nobody).await;
    assert!(nobody.body.contains("Sign in") && !nobody.body.contains("data-csrf"));
    for (page, policy) in [
        (nobody, "unsafe-none"),
        (opened(&world, &person).await, "unsafe-none"),
        (
            world.browse(&person, &format!("/requests/{request}")).await,
            "unsafe-none",
        ),
        (
            world
                .browse(&person, &format!("/okap/popup/requests/{request}"))
                .await,
            "unsafe-none",
        ),
        (world.browse(&person, &other).await, "same-origin"),
        (world.browse(&person, "/inbox").await, "same-origin"),
        (
            world.browse(&person, "/connected-apps").await,
            "same-origin",
        ),
    ] {
        assert_eq!(page.status, 200);
        assert_eq!(page.header("cross-origin-opener-policy"), policy);
        let csp = page.header("content-security-policy");
        assert!(
            csp.starts_with("default-src 'none'; script-src 'self';"),
            "{csp}"
        );
        assert!(
            csp.ends_with("frame-ancestors 'none'; form-action 'self'"),
            "{csp}"
        );
    }
}

#[actix_web::test]
async fn what_a_page_asks_is_shown_under_its_origin_and_answered_once() {
    let world = World::open().await;
    let person = owner(&world).await;
    let request = waiting(&world, &person).await;
    let shown = world.get(&person, &format!("/requests/{request}")).await;
    assert_eq!(
        (
            shown.text("app_url").as_str(),
            shown.text("verification").as_str()
        ),
        (PAGE, "domain_verified")
    );
    let page = world
        .browse(&person, &format!("/requests/{request}"))
        .await
        .body;
    assert!(page.contains("then back to garden.test:8443"));
    assert_eq!(act(&world, &person, &request, "collect").await.status, 409);

    let approved = world.approve(&person, &request).await;
    let told_at = format!("{ORIGIN}/okap/popup/requests/{request}");
    assert_eq!(approved.text("redirect_to"), told_at);
    let page = world.browse(&person, &told_at[ORIGIN.len()..]).await;
    assert!(page.body.contains(&format!("data-origin=\"{PAGE}\"")) && !page.body.contains("okap_"));
    let answers = join_all((0..20).map(|_| act(&world, &person, &request, "collect"))).await;
    let granted: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(granted.len(), 1);
    assert!(granted[0].text("token").starts_with("okap_"));
    assert_eq!(granted[0].header("cache-control"), "no-store");
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 410))
    );
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn a_denial_is_handed_over_in_the_persons_words() {
    let world = World::open().await;
    let person = owner(&world).await;
    let request = waiting(&world, &person).await;
    let path = format!("/requests/{request}/deny");
    let denied = world
        .post(&person, &path, json!({"reason": "not this month"}))
        .await;
    assert_eq!(denied.status, 204);
    let answer = act(&world, &person, &request, "collect").await;
    assert_eq!(
        answer.json(),
        json!({"okap": "1.0", "status": "denied", "reason": "not this month"})
    );
}

#[actix_web::test]
async fn what_is_granted_to_a_page_that_has_gone_is_revoked() {
    let world = World::open().await;
    let person = owner(&world).await;
    let request = waiting(&world, &person).await;
    let grant = world.approve(&person, &request).await.text("grant_id");
    assert_eq!(act(&world, &person, &request, "give-up").await.status, 204);
    let state = world
        .get(&person, &format!("/grants/{grant}"))
        .await
        .text("state");
    assert_eq!(state, "revoked");
    assert_eq!(act(&world, &person, &request, "collect").await.status, 410);
}

#[actix_web::test]
async fn only_this_persons_own_browser_asks_and_collects() {
    let world = World::open().await;
    let person = owner(&world).await;
    let request = waiting(&world, &person).await;
    assert_eq!(world.approve(&person, &request).await.status, 200);
    let collect = format!("/okap/popup/requests/{request}/collect");
    let bare = || TestRequest::post().uri(&collect);
    assert_eq!(world.send(bare()).await.status, 401);
    assert_eq!(world.send(person.browsing(bare())).await.status, 403);
    let foreign = person
        .browsing(bare())
        .insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(world.send(foreign).await.status, 403);
    assert_eq!(world.send(person.programming(bare())).await.status, 403);
    let asking = TestRequest::post()
        .uri("/okap/popup/requests")
        .set_json(asked(&json!({})));
    assert_eq!(world.send(person.programming(asking)).await.status, 403);
    for other in [
        owner(&world).await,
        world.member(person.tenant, Role::Member).await,
    ] {
        for what in ["collect", "give-up"] {
            assert_eq!(act(&world, &other, &request, what).await.status, 404);
        }
        let page = world
            .browse(&other, &format!("/okap/popup/requests/{request}"))
            .await;
        assert_eq!(page.status, 404);
    }
    // Nor is another way of asking answered here.
    let elsewhere = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    assert_eq!(world.approve(&person, &elsewhere).await.status, 200);
    assert_eq!(
        act(&world, &person, &elsewhere, "collect").await.status,
        404
    );
    assert_eq!(
        act(&world, &person, &request, "collect")
            .await
            .text("status"),
        "granted"
    );
}

#[actix_web::test]
async fn an_odd_page_is_refused_and_makes_no_request() {
    let world = World::open().await;
    let person = owner(&world).await;
    for query in [
        "",
        "origin=",
        "origin=*",
        "origin=null",
        "origin=http%3A%2F%2Fapp.test",
        "origin=https%3A%2F%2Fapp.test%2F",
        "origin=https://a.test&origin=https://b.test",
    ] {
        let page = world.browse(&person, &format!("/okap/popup?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
    }
    let with_origin = |origin: &str| {
        let mut body = asked(&json!({}));
        body["origin"] = json!(origin);
        body
    };
    for body in [
        json!({}),
        with_origin("*"),
        with_origin("null"),
        with_origin("http://app.test"),
        with_origin("https://garden.test/"),
        asked(&json!({"okap": "2.0"})),
        asked(&json!({"authorization_details": []})),
        asked(&json!({"client": {"name": "A", "url": "https://bank.test"}})),
        asked(&json!({"client": {"name": "A", "callback": "https://garden.test/cb"}})),
        asked(&json!({"client": {"name": "A", "code_challenge": "a".repeat(43)}})),
        asked(&json!({"client": {"name": ""}})),
        asked(&json!({"type": "OKAP_REQUEST"})),
    ] {
        let answer = ask(&world, &person, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
    let local = ask(&world, &person, with_origin("http://localhost:3000")).await;
    let shown = world
        .get(&person, &format!("/requests/{}", local.text("id")))
        .await;
    assert_eq!(shown.text("verification"), "unverified");
}

#[actix_web::test]
async fn whoever_knows_an_address_cannot_fill_the_place_of_popups() {
    let world = World::open().await;
    let person = owner(&world).await;
    world.fill_inbox(&person).await;
    let from = |number: i32| {
        let mut body = asked(&json!({}));
        body["origin"] = json!(format!("https://garden{number}.test"));
        body
    };
    for number in 0..20 {
        let answer = ask(&world, &person, from(number)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    assert_eq!(ask(&world, &person, from(20)).await.status, 429);
    assert_eq!(ask(&world, &person, from(7)).await.status, 201);
}

#[actix_web::test]
async fn a_page_that_asks_again_takes_back_what_nobody_decided() {
    let world = World::open().await;
    let person = owner(&world).await;
    let other = world.member(person.tenant, Role::Member).await;
    let others = waiting(&world, &other).await;
    let by_handle = world.pending(&person, json!([detail(json!({}))])).await;
    let by_handle = by_handle.text("request_id");
    let (first, second) = (
        waiting(&world, &person).await,
        waiting(&world, &person).await,
    );
    let state = async |person: &Person, request: &str| {
        world
            .get(person, &format!("/requests/{request}"))
            .await
            .text("state")
    };
    assert_eq!(state(&person, &first).await, "abandoned");
    for (person, request) in [(&person, &second), (&person, &by_handle), (&other, &others)] {
        assert_eq!(state(person, request).await, "pending");
    }
    // What was decided stays decided.
    assert_eq!(world.approve(&person, &second).await.status, 200);
    waiting(&world, &person).await;
    let collected = act(&world, &person, &second, "collect").await;
    assert_eq!(collected.text("status"), "granted");
}

#[actix_web::test]
async fn what_lies_within_a_rule_is_handed_over_without_a_page() {
    let world = World::open().await;
    let person = owner(&world).await;
    let ceiling = json!({"providers": ["openai"], "monthly_spend": "20", "days": 30});
    let rule = json!({"domain": "garden.test", "ceiling": ceiling, "live_grants": 1, "monthly_total": "20"});
    let written = world.post(&person, "/approval-rules", rule).await;
    assert_eq!(written.status, 201, "{}", written.body);
    let request = waiting(&world, &person).await;
    let page = format!("/requests/{request}");
    let told = world.browse(&person, &page).await;
    let last = format!("{ORIGIN}/okap/popup/requests/{request}");
    assert_eq!((told.status, told.header("location")), (303, last.as_str()));
    let answer = act(&world, &person, &request, "collect").await;
    assert!(answer.body.contains("okap_"), "{}", answer.body);
    // A second one goes beyond the rule, and whoever looks later is shown what was decided.
    let second = waiting(&world, &person).await;
    let asked = world.browse(&person, &format!("/requests/{second}")).await;
    assert!(asked.body.contains("asks for access"));
    world.later(jiff::SignedDuration::from_mins(2));
    let later = world.browse(&person, &page).await;
    assert!(
        later.body.contains("A rule of yours granted this"),
        "{}",
        later.body
    );
}
