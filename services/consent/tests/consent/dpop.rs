//! A client that shows a key gets what is good beside that key alone (RFC 9449).

use consent::leftovers;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    oauth::{CALLBACK, asking, authorize, code, owner, post_form, redeeming, register},
    prover::{Prover, with_proof},
    refresh::{renew, renewing},
    world::{Answer, Person, World, detail, parameters_of},
};

const TOKEN: &str = "/oauth/token";

type Form = Vec<(&'static str, String)>;

fn renewal(client: &str, refresh: &str) -> Form {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", refresh.to_owned()),
        ("client_id", client.to_owned()),
    ]
}

/// A client with tokens that are bound to its key: the client, the key, the answer.
pub async fn bound(world: &World, person: &Person) -> (String, Prover, Answer) {
    let client = renewing(world, person).await;
    let prover = Prover::new();
    let (code, _) = code(world, person, &client).await;
    let answer = prover.post(world, TOKEN, &redeeming(&client, &code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (client, prover, answer)
}

#[track_caller]
fn refused(answer: &Answer, error: &str) {
    let said = answer.json()["error"].clone();
    assert_eq!(
        (answer.status, said),
        (400, json!(error)),
        "{}",
        answer.body
    );
}

#[actix_web::test]
async fn a_client_that_shows_a_key_gets_tokens_that_are_bound_to_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, prover, first) = bound(&world, &person).await;
    assert_eq!(first.text("token_type"), "DPoP");
    let key: String = world
        .look("SELECT key_thumbprint FROM consent.grant_access")
        .await;
    assert_eq!(key, prover.thumbprint());
    let told: Value = world
        .look("SELECT payload FROM store.events WHERE type = 'grant.token_issued' AND schema = 2")
        .await;
    assert_eq!(told, json!({"bound_to": prover.thumbprint()}));
    for token in ["access_token", "refresh_token"] {
        let form = [("token", first.text(token)), ("client_id", client.clone())];
        let known = post_form(&world, "/oauth/introspect", &form).await.json();
        assert_eq!(known["cnf"], json!({"jkt": prover.thumbprint()}), "{known}");
        let kind = (token == "access_token").then_some("DPoP");
        assert_eq!(known["token_type"], json!(kind), "{known}");
    }
    let next = renewal(&client, &first.text("refresh_token"));
    let next = prover.post(&world, TOKEN, &next).await;
    assert_eq!(
        (next.status, next.text("token_type").as_str()),
        (200, "DPoP")
    );
    let told: Value = world
        .look("SELECT payload FROM store.events WHERE type = 'grant.token_refreshed'")
        .await;
    assert_eq!(told, json!({"bound_to": prover.thumbprint()}));
}

#[actix_web::test]
async fn a_refresh_token_of_a_public_client_is_renewed_by_its_key_alone() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, prover, first) = bound(&world, &person).await;
    let refresh = first.text("refresh_token");
    let form = renewal(&client, &refresh);
    let stolen = Prover::new().post(&world, TOKEN, &form).await;
    refused(&stolen, "invalid_grant");
    refused(
        &renew(&world, &client, &refresh, None).await,
        "invalid_dpop_proof",
    );
    // Neither spent it nor ended anything.
    let next = prover.post(&world, TOKEN, &form).await;
    assert_eq!(next.status, 200, "{}", next.body);
    // Nor does one who has a spent one and no key.
    refused(
        &Prover::new().post(&world, TOKEN, &form).await,
        "invalid_grant",
    );
    assert_eq!(world.live_tokens().await, 2);
    refused(&prover.post(&world, TOKEN, &form).await, "invalid_grant");
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn a_client_that_proves_itself_may_renew_with_another_key() {
    let world = World::open().await;
    let person = owner(&world).await;
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post",
                     "grant_types": ["authorization_code", "refresh_token"]});
    let app = world.post(&person, "/apps", app).await;
    let (client, secret) = (app.text("client_id"), app.text("client_secret"));
    let (code, _) = code(&world, &person, &client).await;
    let mut form = redeeming(&client, &code);
    form.push(("client_secret", secret.clone()));
    let first = Prover::new().post(&world, TOKEN, &form).await;
    let mut form = renewal(&client, &first.text("refresh_token"));
    form.push(("client_secret", secret));
    let other = Prover::new();
    let next = other.post(&world, TOKEN, &form).await;
    assert_eq!(next.status, 200, "{}", next.body);
    let bound = format!(
        "SELECT count(*) FROM consent.grant_access WHERE key_thumbprint = '{}'",
        other.thumbprint()
    );
    assert_eq!(world.look::<i64>(&bound).await, 1);
}

#[actix_web::test]
async fn a_proof_counts_once_however_many_show_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let form = redeeming(&client, "oc_none");
    let proof = Prover::new().proof(&world, TOKEN);
    let answers = join_all((0..20).map(|_| with_proof(&world, TOKEN, &form, &proof))).await;
    let errors = answers.iter().map(|answer| answer.text("error"));
    let held = errors.filter(|error| error == "invalid_grant").count();
    assert_eq!(held, 1);
    refused(
        &with_proof(&world, TOKEN, &form, &proof).await,
        "invalid_dpop_proof",
    );
    assert_eq!(world.count("consent.dpop_proofs").await, 1);
    world.later(SignedDuration::from_hours(25));
    leftovers::remove(&world.vault).await.unwrap();
    assert_eq!(world.count("consent.dpop_proofs").await, 0);
}

#[actix_web::test]
async fn a_proof_that_does_not_hold_gives_nothing_and_spends_no_code() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, _) = code(&world, &person, &client).await;
    let form = redeeming(&client, &code);
    let prover = Prover::new();
    let elsewhere = prover.proof(&world, "/oauth/par");
    for proof in ["x", "", &elsewhere] {
        refused(
            &with_proof(&world, TOKEN, &form, proof).await,
            "invalid_dpop_proof",
        );
    }
    let two = prover.proof(&world, TOKEN);
    let request = actix_web::test::TestRequest::post()
        .uri(TOKEN)
        .set_form(&form);
    let request = request.insert_header(("dpop", two.clone()));
    refused(
        &world.send(request.append_header(("dpop", two))).await,
        "invalid_dpop_proof",
    );
    let old = prover.proof(&world, TOKEN);
    world.later(SignedDuration::from_secs(61));
    refused(
        &with_proof(&world, TOKEN, &form, &old).await,
        "invalid_dpop_proof",
    );
    world
        .clock
        .move_to(world.clock.now() - SignedDuration::from_secs(60));
    assert_eq!(prover.post(&world, TOKEN, &form).await.status, 200);
}

#[actix_web::test]
async fn a_code_that_is_bound_to_a_key_is_redeemed_by_that_key_alone() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let prover = Prover::new();
    let mut parameters = asking(&client);
    parameters.push(("dpop_jkt".to_owned(), prover.thumbprint()));
    let page = authorize(&world, &person, &parameters).await;
    redeemed_by_key_alone(&world, &person, (&client, &prover), &page).await;
    parameters[7].1 = "short".to_owned();
    let (_, back) = authorize(&world, &person, &parameters).await.sent_to();
    assert_eq!(back[0].1, "invalid_request");
}

async fn redeemed_by_key_alone(
    world: &World,
    person: &Person,
    (client, prover): (&str, &Prover),
    page: &Answer,
) {
    let (page, _) = page.sent_to();
    let approved = world
        .approve(person, page.rsplit('/').next().unwrap())
        .await;
    let (_, query) = parameters_of(&approved.text("redirect_to"));
    let form = redeeming(client, &query[0].1);
    refused(&post_form(world, TOKEN, &form).await, "invalid_dpop_proof");
    refused(
        &Prover::new().post(world, TOKEN, &form).await,
        "invalid_grant",
    );
    let given = prover.post(world, TOKEN, &form).await;
    assert_eq!(given.status, 200, "{}", given.body);
}

#[actix_web::test]
async fn a_proof_beside_a_pushed_request_binds_its_code() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let prover = Prover::new();
    let names = [
        "response_type",
        "client_id",
        "redirect_uri",
        "code_challenge",
        "code_challenge_method",
        "authorization_details",
    ];
    let values = asking(&client).into_iter().map(|(_, value)| value);
    let mut form: Form = names.into_iter().zip(values).collect();
    let pushed = prover.post(&world, "/oauth/par", &form).await;
    assert_eq!(pushed.status, 201, "{}", pushed.body);
    let parameters = [
        ("client_id".to_owned(), client.clone()),
        ("request_uri".to_owned(), pushed.text("request_uri")),
    ];
    let page = authorize(&world, &person, &parameters).await;
    redeemed_by_key_alone(&world, &person, (&client, &prover), &page).await;
    form.push(("dpop_jkt", Prover::new().thumbprint()));
    let other = prover.post(&world, "/oauth/par", &form).await;
    refused(&other, "invalid_request");
}

#[actix_web::test]
async fn an_app_that_is_registered_so_gets_no_token_without_a_key() {
    let world = World::open().await;
    let person = owner(&world).await;
    let app =
        json!({"name": "Recipes", "redirect_uris": [CALLBACK], "dpop_bound_access_tokens": true});
    let client = world.post(&person, "/apps", app).await.text("client_id");
    let listed = world.get(&person, "/apps").await.json();
    assert_eq!(listed["items"][0]["dpop_bound_access_tokens"], json!(true));
    let (code, _) = code(&world, &person, &client).await;
    let form = redeeming(&client, &code);
    refused(&post_form(&world, TOKEN, &form).await, "invalid_dpop_proof");
    assert_eq!(Prover::new().post(&world, TOKEN, &form).await.status, 200);
}

#[actix_web::test]
async fn a_device_gets_a_token_that_is_bound_to_its_key() {
    let world = World::open().await;
    let person = owner(&world).await;
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let app = json!({"name": "Television", "grant_types": [grant_type]});
    let client = world.post(&person, "/apps", app).await.text("client_id");
    let begin = [
        ("client_id", client.clone()),
        (
            "authorization_details",
            json!([detail(json!({}))]).to_string(),
        ),
    ];
    let begun = post_form(&world, "/oauth/device_authorization", &begin).await;
    let code = begun.text("user_code");
    let page = world
        .submit(&person, "/device", "/device", &[("user_code", &code)])
        .await;
    let (page, _) = page.sent_to();
    world
        .approve(&person, page.rsplit('/').next().unwrap())
        .await;
    let poll = [
        ("grant_type", grant_type.to_owned()),
        ("device_code", begun.text("device_code")),
        ("client_id", client),
    ];
    let given = Prover::new().post(&world, TOKEN, &poll).await;
    assert_eq!(given.status, 200, "{}", given.body);
    assert_eq!(given.text("token_type"), "DPoP");
}

#[actix_web::test]
async fn metadata_tells_what_proofs_may_be_signed_with() {
    let world = World::open().await;
    let expected = json!(["ES256", "RS256", "PS256", "EdDSA"]);
    for path in [
        "oauth-authorization-server",
        "oauth-protected-resource/v1/openai",
    ] {
        let path = format!("/.well-known/{path}");
        let request = actix_web::test::TestRequest::get().uri(&path);
        let told = world.send(request).await.json();
        assert_eq!(
            told["dpop_signing_alg_values_supported"], expected,
            "{path}"
        );
    }
}
