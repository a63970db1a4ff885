//! A device without a browser asks, its person enters its code and decides, and it polls no faster
//! than it is told.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    answer::at_once,
    oauth::{asking, authorize, owner, post_form, register},
    world::{Answer, ORIGIN, Person, World, detail},
};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn register_device(world: &World, person: &Person, types: &[&str]) -> String {
    let app = json!({"name": "Television", "grant_types": types});
    let answer = world.post(person, "/apps", app).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.text("client_id")
}

async fn begin(world: &World, client: &str) -> Answer {
    let details = json!([detail(json!({"limits": {"monthly_spend": 3}}))]).to_string();
    let form = [
        ("client_id", client.to_owned()),
        ("authorization_details", details),
    ];
    post_form(world, "/oauth/device_authorization", &form).await
}

async fn poll_now(world: &World, client: &str, device: &str) -> Answer {
    let form = [
        ("grant_type", GRANT_TYPE.to_owned()),
        ("device_code", device.to_owned()),
        ("client_id", client.to_owned()),
    ];
    post_form(world, "/oauth/token", &form).await
}

/// Polls after the pause.
async fn poll(world: &World, client: &str, device: &str) -> Answer {
    world.later(SignedDuration::from_secs(5));
    poll_now(world, client, device).await
}

async fn enter(world: &World, person: &Person, code: &str) -> Answer {
    world
        .submit(person, "/device", "/device", &[("user_code", code)])
        .await
}

/// The request that a person decides after entering the code.
async fn entered(world: &World, person: &Person, code: &str) -> String {
    let (page, _) = enter(world, person, code).await.sent_to();
    let id = page.strip_prefix(&format!("{ORIGIN}/requests/")).unwrap();
    id.to_owned()
}

#[actix_web::test]
async fn a_device_gets_its_token_once_its_person_has_decided() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register_device(&world, &person, &[GRANT_TYPE, "refresh_token"]).await;
    let begun = begin(&world, &client).await;
    assert_eq!(
        (begun.status, begun.header("cache-control")),
        (200, "no-store"),
        "{}",
        begun.body
    );
    let (device, code) = (begun.text("device_code"), begun.text("user_code"));
    let complete = format!("/device?user_code={code}");
    assert_eq!(
        begun.json(),
        json!({"device_code": device, "user_code": code, "verification_uri": format!("{ORIGIN}/device"),
               "verification_uri_complete": format!("{ORIGIN}{complete}"), "expires_in": 600, "interval": 5})
    );
    let stored: String = world
        .look("SELECT to_jsonb(d)::text FROM consent.device_requests d")
        .await;
    assert!(!stored.contains(&device) && !stored.contains(&code));
    assert_eq!(
        poll(&world, &client, &device).await.text("error"),
        "authorization_pending"
    );
    // Opening the address alone does nothing: the person presses the button.
    let page = world.browse(&person, &complete).await;
    assert!(
        page.status == 200 && page.body.contains(&code),
        "{}",
        page.body
    );
    assert_eq!(world.count("consent.access_requests").await, 0);
    let request = entered(&world, &person, &code.to_lowercase()).await;
    assert_eq!(entered(&world, &person, &code).await, request);
    assert_eq!(world.count("consent.access_requests").await, 1);
    // Where it is decided, too, the person is told what a sent code means.
    let decided_on = world.browse(&person, &format!("/requests/{request}")).await;
    assert!(decided_on.body.contains("that device is in front of you"));
    let (plain, _) = authorize(&world, &person, &asking(&register(&world, &person).await))
        .await
        .sent_to();
    let plain = plain.strip_prefix(ORIGIN).unwrap_or(&plain);
    let in_a_browser = world.browse(&person, plain).await;
    assert!(!in_a_browser.body.contains("in front of you"));
    assert_eq!(
        poll(&world, &client, &device).await.text("error"),
        "authorization_pending"
    );
    assert_eq!(
        world.approve(&person, &request).await.json()["redirect_to"],
        Value::Null
    );
    let token = poll(&world, &client, &device).await;
    assert_eq!(token.status, 200, "{}", token.body);
    assert!(token.text("access_token").starts_with("okap_"));
    assert!(token.text("refresh_token").starts_with("ort_"));
    let granted = &token.json()["authorization_details"][0];
    assert_eq!(granted["limits"]["monthly_spend"], json!(3));
    assert_eq!(
        poll(&world, &client, &device).await.text("error"),
        "invalid_grant"
    );
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn a_hundred_who_poll_at_once_get_one_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register_device(&world, &person, &[GRANT_TYPE]).await;
    let begun = begin(&world, &client).await;
    let request = entered(&world, &person, &begun.text("user_code")).await;
    assert_eq!(world.approve(&person, &request).await.status, 200);
    let device = begun.text("device_code");
    let answers = at_once(100, || poll_now(&world, &client, &device)).await;
    let given = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(given, 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (refused.status, refused.text("error").as_str()),
            (400, "slow_down")
        );
    }
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn who_polls_too_soon_pauses_longer_from_then_on() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register_device(&world, &person, &[GRANT_TYPE]).await;
    let device = begin(&world, &client).await.text("device_code");
    let after = async |seconds: i64| {
        world.later(SignedDuration::from_secs(seconds));
        poll_now(&world, &client, &device).await.text("error")
    };
    assert_eq!(after(0).await, "authorization_pending");
    assert_eq!(after(4).await, "slow_down");
    assert_eq!(after(9).await, "slow_down");
    assert_eq!(after(15).await, "authorization_pending");
    assert_eq!(after(14).await, "slow_down");
}

#[actix_web::test]
async fn a_no_and_the_end_of_its_time_are_told() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register_device(&world, &person, &[GRANT_TYPE]).await;
    let [denied, undecided, unseen] = [
        begin(&world, &client).await,
        begin(&world, &client).await,
        begin(&world, &client).await,
    ];
    let request = entered(&world, &person, &denied.text("user_code")).await;
    assert_eq!(world.deny(&person, &request).await.status, 204);
    let error = async |begun: &Answer| {
        poll_now(&world, &client, &begun.text("device_code"))
            .await
            .text("error")
    };
    assert_eq!(error(&denied).await, "access_denied");
    // Whoever is deciding has the time that a decision takes.
    world.later(SignedDuration::from_secs(300));
    entered(&world, &person, &undecided.text("user_code")).await;
    world.later(SignedDuration::from_secs(300));
    assert_eq!(error(&unseen).await, "expired_token");
    assert_eq!(
        enter(&world, &person, &unseen.text("user_code"))
            .await
            .status,
        404
    );
    assert_eq!(error(&undecided).await, "authorization_pending");
    world.later(SignedDuration::from_secs(300));
    assert_eq!(error(&undecided).await, "expired_token");
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn a_code_is_good_for_its_own_client_and_its_own_organization_alone() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register_device(&world, &person, &[GRANT_TYPE]).await;
    let other = register_device(&world, &person, &[GRANT_TYPE]).await;
    let plain = register(&world, &person).await;
    let begun = begin(&world, &client).await;
    let device = begun.text("device_code");
    for (client, device, error) in [
        (other.as_str(), device.as_str(), "invalid_grant"),
        (&plain, &device, "unauthorized_client"),
        ("", &device, "invalid_request"),
        (&client, "dc_x", "invalid_grant"),
        (&client, "", "invalid_request"),
    ] {
        let answer = poll(&world, client, device).await;
        assert_eq!(answer.text("error"), error, "{}", answer.body);
    }
    assert_eq!(
        begin(&world, &plain).await.text("error"),
        "unauthorized_client"
    );
    let stranger = world.person(Role::Owner).await;
    assert_eq!(
        enter(&world, &stranger, &begun.text("user_code"))
            .await
            .status,
        404
    );
    assert_eq!(world.count("consent.access_requests").await, 0);
    let nothing = [("client_id", client.clone())];
    let nothing = post_form(&world, "/oauth/device_authorization", &nothing).await;
    assert_eq!(nothing.text("error"), "invalid_authorization_details");
    let details = json!([detail(json!({}))]).to_string();
    let beside = [
        ("client_id", client.clone()),
        ("authorization_details", details),
        ("resource", format!("{ORIGIN}/v1/google")),
    ];
    let beside = post_form(&world, "/oauth/device_authorization", &beside).await;
    assert_eq!(beside.text("error"), "invalid_target");
    let none = json!({"name": "App", "grant_types": ["refresh_token"]});
    assert_eq!(world.post(&person, "/apps", none).await.status, 400);
    let no_uri = json!({"name": "App", "grant_types": ["authorization_code", GRANT_TYPE]});
    assert_eq!(world.post(&person, "/apps", no_uri).await.status, 400);
}

#[actix_web::test]
async fn nobody_tries_more_than_ten_codes_in_ten_minutes() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register_device(&world, &person, &[GRANT_TYPE]).await;
    let code = begin(&world, &client).await.text("user_code");
    assert_eq!(enter(&world, &person, "nonsense!").await.status, 422);
    for _ in 0..10 {
        assert_eq!(enter(&world, &person, "BCDF-GHJK").await.status, 404);
    }
    assert_eq!(enter(&world, &person, &code).await.status, 429);
    let colleague = world.member(person.tenant, Role::Owner).await;
    assert_eq!(enter(&world, &colleague, &code).await.status, 303);
}
