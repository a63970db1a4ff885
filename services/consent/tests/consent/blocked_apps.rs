//! A blocked app is denied without asking, and told no more than that.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    floods::ask_of_domain,
    oauth::{self, asking, authorize, register},
    world::{Answer, Person, World, detail},
};

async fn block(world: &World, person: &Person, body: Value) -> Answer {
    let answer = world.post(person, "/blocked-apps", body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer
}

async fn unblock(world: &World, person: &Person, id: &str) {
    let path = format!("/blocked-apps/{id}");
    world.done(person, Method::DELETE, &path, None).await;
}

async fn blocked(world: &World, person: &Person) -> Vec<Value> {
    let list = world.get(person, "/blocked-apps").await.json();
    list["items"].as_array().unwrap().clone()
}

async fn named(world: &World, handle: &str) -> String {
    let answer = world.ask(handle, json!([detail(json!({}))])).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.text("request_id")
}

/// Every event of a block's life.
pub async fn lived(world: &World, person: &Person) {
    for domain in ["one.test", "two.test", "three.test"] {
        block(world, person, json!({"domain": domain})).await;
    }
    let first = blocked(world, person).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    unblock(world, person, &first).await;
}

#[actix_web::test]
async fn a_blocked_domain_is_denied_at_every_handle_and_never_in_the_inbox() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    let waiting = ask_of_domain(&world, &handle).await;
    let done = block(
        &world,
        &person,
        json!({"request_id": waiting.text("request_id")}),
    )
    .await;
    assert_eq!(
        (
            &done.json()["denied_requests"],
            &done.json()["revoked_grants"]
        ),
        (&json!(1), &json!(0))
    );
    assert_eq!(blocked(&world, &person).await[0]["domain"], "app.test");
    let other = world.handle(&person).await;
    let asked = ask_of_domain(&world, &other).await;
    assert_eq!(world.waiting(&person).await, 0);
    let page = world.browse(&person, "/inbox").await;
    assert_eq!(
        page.body.matches("Digest").count(),
        1,
        "only the one that was denied by hand"
    );
    // The answer that anybody is given who was denied, as late as a person could give it.
    let poll = async |asked: &Answer| {
        world
            .poll(&asked.text("request_id"), &asked.text("poll_secret"))
            .await
    };
    assert_eq!(poll(&asked).await.status, 202);
    world.later(SignedDuration::from_secs(11));
    assert_eq!(poll(&asked).await.json(), poll(&waiting).await.json());
    // Somebody else's person is asked as ever.
    let stranger = world.person(Role::Member).await;
    ask_of_domain(&world, &world.handle(&stranger).await).await;
    assert_eq!(world.waiting(&stranger).await, 1);
    let id = done.text("id");
    assert_eq!(
        block(&world, &person, json!({"domain": "App.test"}))
            .await
            .text("id"),
        id
    );
    unblock(&world, &person, &id).await;
    ask_of_domain(&world, &other).await;
    assert_eq!(world.waiting(&person).await, 1);
}

#[actix_web::test]
async fn a_blocked_name_is_blocked_at_its_handle_alone() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (handle, other) = (world.handle(&person).await, world.handle(&person).await);
    let request = named(&world, &handle).await;
    block(&world, &person, json!({"request_id": request})).await;
    named(&world, &handle).await;
    assert_eq!(world.waiting(&person).await, 0);
    // Whoever has that name anywhere else is somebody else.
    named(&world, &other).await;
    ask_of_domain(&world, &handle).await;
    let ticket = world.ticket(&person, Value::Null).await;
    named(&world, &ticket).await;
    assert_eq!(world.waiting(&person).await, 3);
}

#[actix_web::test]
async fn a_name_that_came_by_no_handle_cannot_be_blocked() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let ticket = world.ticket(&person, Value::Null).await;
    let request = named(&world, &ticket).await;
    let answer = world
        .post(&person, "/blocked-apps", json!({"request_id": request}))
        .await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (422, "app-not-identified")
    );
    for (body, status) in [
        (json!({}), 400),
        (json!({"domain": "localhost"}), 400),
        (json!({"domain": "app.test", "request_id": request}), 400),
        (
            json!({"client_id": "app_0198f00000007000800000000000000c"}),
            404,
        ),
        (
            json!({"request_id": "req_0198f00000007000800000000000000c"}),
            404,
        ),
        (
            json!({"grant_id": "grant_0198f00000007000800000000000000c"}),
            404,
        ),
    ] {
        assert_eq!(
            world
                .post(&person, "/blocked-apps", body.clone())
                .await
                .status,
            status,
            "{body}"
        );
    }
    // Another person's request is as unknown as none.
    let other = world.member(person.tenant, Role::Member).await;
    let answer = world
        .post(&other, "/blocked-apps", json!({"request_id": request}))
        .await;
    assert_eq!(answer.status, 404);
}

#[actix_web::test]
async fn blocking_takes_back_what_the_app_has_if_the_person_says_so() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    let client = register(&world, &person).await;
    let (_, grant) = oauth::code(&world, &person, &client).await;
    let state = async || {
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state")
    };
    block(&world, &person, json!({"grant_id": grant})).await;
    assert_eq!(state().await, "live");
    let done = block(
        &world,
        &person,
        json!({"client_id": client, "revoke_grants": true}),
    )
    .await;
    assert_eq!(done.json()["revoked_grants"], 1);
    assert_eq!(state().await, "revoked");
}

#[actix_web::test]
async fn a_blocked_web_app_gets_its_browser_back_denied() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    let client = register(&world, &person).await;
    let (page, _) = authorize(&world, &person, &asking(&client)).await.sent_to();
    let request = page.rsplit('/').next().unwrap().to_owned();
    let from = format!("/blocked-apps/new?request={request}");
    let back = world
        .submit(&person, &from, "/blocked-apps", &[("request", &request)])
        .await;
    let denied = |answer: &Answer| {
        let (to, query) = answer.sent_to();
        assert_eq!(to, oauth::CALLBACK);
        assert_eq!(query[0], ("error".to_owned(), "access_denied".to_owned()));
        query
    };
    let by_hand = denied(&back);
    let (page, _) = authorize(&world, &person, &asking(&client)).await.sent_to();
    let path = page.strip_prefix("https://vault.example.com").unwrap();
    assert_eq!(denied(&world.browse(&person, path).await), by_hand);
    assert_eq!(world.waiting(&person).await, 0);
}

#[actix_web::test]
async fn a_ticket_does_not_let_a_blocked_app_in() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    block(&world, &person, json!({"domain": "app.test"})).await;
    let ceiling = json!({"providers": ["openai"], "monthly_spend": "10", "days": 30});
    let ticket = world.ticket(&person, ceiling).await;
    ask_of_domain(&world, &ticket).await;
    assert_eq!(
        (
            world.waiting(&person).await,
            world.count("consent.grants").await
        ),
        (0, 0)
    );
}

#[actix_web::test]
async fn all_of_one_asker_are_denied_in_one_go() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    let (one, two) = (named(&world, &handle).await, named(&world, &handle).await);
    let other = ask_of_domain(&world, &handle).await.text("request_id");
    let fields = [("request", one.as_str()), ("request", two.as_str())];
    let answer = world
        .submit(&person, "/inbox", "/inbox/deny", &fields)
        .await;
    assert_eq!(answer.header("location"), "/inbox?done=denied-all");
    let state = async |id: &str| {
        world
            .get(&person, &format!("/requests/{id}"))
            .await
            .text("state")
    };
    assert_eq!(
        [state(&one).await, state(&two).await, state(&other).await],
        ["denied", "denied", "pending"]
    );
    // Another person's are left alone.
    let stranger = world.member(person.tenant, Role::Member).await;
    let theirs = named(&world, &world.handle(&stranger).await).await;
    world
        .submit(&person, "/inbox", "/inbox/deny", &[("request", &theirs)])
        .await;
    assert_eq!(world.waiting(&stranger).await, 1);
}
