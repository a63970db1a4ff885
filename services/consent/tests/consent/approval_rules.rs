//! What lies within a rule is granted at once, through its person's own browser alone.

use actix_web::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    floods::ask_of_domain,
    oauth::{CALLBACK, asking, authorize, owner, post_form, redeeming, register},
    organization_policy,
    world::{Answer, Person, World},
};

fn rule(app: (&str, &str), members: Value) -> Value {
    let mut rule = json!({
        "ceiling": {"providers": ["openai"], "models": ["gpt-4o*"], "monthly_spend": "10", "days": 30},
        "live_grants": 2, "monthly_total": "15",
    });
    rule[app.0] = json!(app.1);
    let Value::Object(members) = members else {
        unreachable!("members are an object")
    };
    for (name, value) in members {
        rule[name] = value;
    }
    rule
}

async fn write(world: &World, person: &Person, rule: Value) -> String {
    let answer = world.post(person, "/approval-rules", rule).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.text("id")
}

/// Asks through the person's browser, and follows it to where the vault decides.
async fn visit(world: &World, person: &Person, client: &str, number: usize) -> Answer {
    let mut parameters = asking(client);
    parameters.last_mut().unwrap().1 = format!("state {number}");
    let (page, _) = authorize(world, person, &parameters).await.sent_to();
    let path = page.strip_prefix("https://vault.example.com").unwrap();
    world.browse(person, path).await
}

async fn grants(world: &World, person: &Person) -> Vec<Value> {
    world.get(person, "/grants").await.json()["items"]
        .as_array()
        .unwrap()
        .clone()
}

/// Every event of a rule's life, and a grant by one.
pub async fn lived(world: &World, person: &Person, client: &str) {
    for _ in 0..3 {
        write(world, person, rule(("client_id", client), json!({}))).await;
    }
    assert_eq!(visit(world, person, client, 0).await.status, 303);
    let gone = world.get(person, "/approval-rules").await.json()["items"][0]["id"].clone();
    let path = format!("/approval-rules/{}", gone.as_str().unwrap());
    world.done(person, Method::DELETE, &path, None).await;
}

/// A rule that granted something, by its id.
pub async fn granting(world: &World, person: &Person, client: &str) -> String {
    let id = write(world, person, rule(("client_id", client), json!({}))).await;
    assert_eq!(visit(world, person, client, 0).await.status, 303);
    id
}

#[actix_web::test]
async fn a_request_within_a_rule_is_granted_and_led_back_without_a_page() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let id = write(&world, &person, rule(("client_id", &client), json!({}))).await;
    let (back, query) = visit(&world, &person, &client, 1).await.sent_to();
    assert_eq!((back.as_str(), query[0].0.as_str()), (CALLBACK, "code"));
    let token = post_form(&world, "/oauth/token", &redeeming(&client, &query[0].1)).await;
    assert_eq!(token.status, 200, "{}", token.body);
    // It is visible as what it is, everywhere.
    let grant = grants(&world, &person).await.remove(0);
    assert_eq!(grant["approval_rule_id"], json!(id));
    assert_eq!(
        grant["authorization_details"][0]["limits"]["monthly_spend"],
        3
    );
    let decided = world.get(&person, "/requests?state=decided").await.json();
    assert_eq!(decided["items"][0]["approval_rule_id"], json!(id));
    let history = world.get(&person, "/decisions").await.json();
    assert_eq!(history["items"][0]["decided_by"], "rule");
    let recorded: Value = world
        .look("SELECT payload FROM store.events WHERE type = 'access_request.approved'")
        .await;
    assert_eq!(recorded["rule"], json!(id));
    for page in ["/connected-apps", "/inbox"] {
        let page = world.browse(&person, page).await;
        assert!(page.body.contains("Granted by a rule"));
    }
    let listed = world.get(&person, "/approval-rules").await.json();
    let listed = &listed["items"][0];
    assert_eq!(
        (&listed["live_grants_now"], &listed["monthly_total_now"]),
        (&json!(1), &json!("3"))
    );
    // One press takes it back.
    let path = format!("/connected-apps/{}/revoke", grant["id"].as_str().unwrap());
    world.submit(&person, "/inbox", &path, &[]).await;
    assert_eq!(grants(&world, &person).await[0]["state"], "revoked");
    let page = world.browse(&person, "/inbox").await;
    assert!(!page.body.contains(">Undo"));
}

#[actix_web::test]
async fn what_lies_beyond_a_rule_waits_as_before() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    for narrower in [
        json!({"ceiling": {"providers": ["anthropic"], "monthly_spend": "10", "days": 30}}),
        json!({"ceiling": {"providers": ["openai"], "models": ["o3"], "monthly_spend": "10", "days": 30}}),
        json!({"ceiling": {"providers": ["openai"], "monthly_spend": "2.999999999", "days": 30}}),
        json!({"ceiling": {"providers": ["openai"], "capabilities": ["images"], "monthly_spend": "10", "days": 30}}),
        json!({"monthly_total": "2.99"}),
    ] {
        write(&world, &person, rule(("client_id", &client), narrower)).await;
    }
    let page = visit(&world, &person, &client, 1).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("asks for access"));
    assert_eq!(
        (
            world.waiting(&person).await,
            grants(&world, &person).await.len()
        ),
        (1, 0)
    );
}

#[actix_web::test]
async fn a_rule_is_its_own_persons_and_for_its_own_app() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, other) = (
        register(&world, &person).await,
        register(&world, &person).await,
    );
    let id = write(&world, &person, rule(("client_id", &client), json!({}))).await;
    assert_eq!(visit(&world, &person, &other, 1).await.status, 200);
    let member = world.member(person.tenant, Role::Member).await;
    world.key(&member, "openai").await;
    assert_eq!(visit(&world, &member, &client, 2).await.status, 200);
    let path = format!("/approval-rules/{id}");
    assert_eq!(
        world.api(&member, Method::DELETE, &path, None).await.status,
        404
    );
    world.done(&person, Method::DELETE, &path, None).await;
    assert_eq!(visit(&world, &person, &client, 3).await.status, 200);
    assert_eq!(world.count("consent.grants").await, 0);
}

#[actix_web::test]
async fn a_rule_decides_nothing_that_came_by_a_handle_or_without_a_session() {
    let world = World::open().await;
    let person = owner(&world).await;
    write(&world, &person, rule(("domain", "app.test"), json!({}))).await;
    let handle = world.handle(&person).await;
    ask_of_domain(&world, &handle).await;
    assert_eq!(
        (
            world.waiting(&person).await,
            world.count("consent.grants").await
        ),
        (1, 0)
    );
    // A program with the person's API token is not the person's browser.
    let client = register(&world, &person).await;
    write(&world, &person, rule(("client_id", &client), json!({}))).await;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(asking(&client))
        .finish();
    let request = actix_web::test::TestRequest::get().uri(&format!("/oauth/authorize?{query}"));
    world.send(person.programming(request)).await;
    assert_eq!(
        (
            world.waiting(&person).await,
            world.count("consent.grants").await
        ),
        (2, 0)
    );
}

#[actix_web::test]
async fn twenty_at_once_are_granted_no_more_than_the_rule_says() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    write(
        &world,
        &person,
        rule(
            ("client_id", &client),
            json!({"live_grants": 5, "monthly_total": "100"}),
        ),
    )
    .await;
    let parameters = |number: usize| {
        let mut parameters = asking(&client);
        parameters.last_mut().unwrap().1 = format!("state {number}");
        parameters
    };
    let asked: Vec<_> = (0..20).map(parameters).collect();
    join_all(asked.iter().map(|asked| authorize(&world, &person, asked))).await;
    assert_eq!(world.count("consent.grants").await, 5);
    assert_eq!(world.count("consent.access_requests").await, 20);
    assert_eq!(world.waiting(&person).await, 15);
}

#[actix_web::test]
async fn the_total_holds_however_many_ask_at_once() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    // Three dollars each.
    write(
        &world,
        &person,
        rule(
            ("client_id", &client),
            json!({"live_grants": 100, "monthly_total": "11"}),
        ),
    )
    .await;
    let asked: Vec<_> = (0..20)
        .map(|number| {
            let mut parameters = asking(&client);
            parameters.last_mut().unwrap().1 = format!("state {number}");
            parameters
        })
        .collect();
    join_all(asked.iter().map(|asked| authorize(&world, &person, asked))).await;
    assert_eq!(world.count("consent.grants").await, 3);
    // What ended makes room again.
    let first = grants(&world, &person).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/grants/{first}/revoke");
    world
        .done(&person, Method::POST, &path, Some(json!({})))
        .await;
    assert_eq!(visit(&world, &person, &client, 99).await.status, 303);
    assert_eq!(world.count("consent.grants").await, 4);
}

#[actix_web::test]
async fn a_rule_outside_the_rules_is_refused() {
    let world = World::open().await;
    let person = owner(&world).await;
    for (wrong, status) in [
        (rule(("domain", "localhost"), json!({})), 400),
        (rule(("name", "Notebook"), json!({})), 400),
        (
            rule(
                ("domain", "app.test"),
                json!({"client_id": "app_0198f00000007000800000000000000c"}),
            ),
            400,
        ),
        (
            rule(
                ("client_id", "app_0198f00000007000800000000000000c"),
                json!({}),
            ),
            422,
        ),
        (rule(("domain", "app.test"), json!({"live_grants": 0})), 400),
        (
            rule(("domain", "app.test"), json!({"live_grants": 101})),
            400,
        ),
        (
            rule(("domain", "app.test"), json!({"monthly_total": "0"})),
            400,
        ),
        (
            rule(("domain", "app.test"), json!({"monthly_total": "many"})),
            400,
        ),
        (
            rule(
                ("domain", "app.test"),
                json!({"ceiling": {"providers": [], "monthly_spend": "1", "days": 1}}),
            ),
            400,
        ),
        (
            rule(("domain", "app.test"), json!({"ceiling": [["openai"]]})),
            400,
        ),
    ] {
        let answer = world.post(&person, "/approval-rules", wrong.clone()).await;
        assert_eq!(answer.status, status, "{wrong}: {}", answer.body);
    }
    let finance = world.member(person.tenant, Role::Finance).await;
    let answer = world
        .post(
            &finance,
            "/approval-rules",
            rule(("domain", "app.test"), json!({})),
        )
        .await;
    assert_eq!(answer.status, 403);
    assert_eq!(world.count("consent.approval_rules").await, 0);
}

#[actix_web::test]
async fn a_rule_gives_no_longer_than_the_organization_lets_its_people() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    write(&world, &person, rule(("client_id", &client), json!({}))).await;
    organization_policy::set(&world, &person, json!({"longest_grant_days": 2})).await;
    assert_eq!(visit(&world, &person, &client, 1).await.status, 303);
    let granted = grants(&world, &person).await.remove(0);
    let ends = &granted["authorization_details"][0]["expires"];
    let ends: jiff::Timestamp = ends.as_str().unwrap().parse().unwrap();
    assert_eq!(ends.duration_since(world.clock.now()).as_hours(), 48);
}
