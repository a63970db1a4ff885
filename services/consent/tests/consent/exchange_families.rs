//! Children, their parents, and what reaches them.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    answer::at_once,
    exchange::{
        access, asking_for_child, child, children, connected, exchange, grant_of, granted, grants,
        patch, revoke,
    },
    oauth::{code, owner, redeeming},
    prover::Prover,
    world::{World, detail},
};

#[actix_web::test]
async fn a_child_ends_no_later_than_the_token_it_was_made_from() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, _) = connected(&world, &person).await;
    let token = first.text("access_token");
    world.later(SignedDuration::from_mins(20));
    let mine = [("client_id", client.as_str())];
    let answer = exchange(&world, &token, &mine).await;
    assert_eq!(answer.json()["expires_in"], json!(2_400));
    let late = json!([detail(json!({"expires": "2026-11-22T13:00:01Z"}))]).to_string();
    let late = [mine[0], ("authorization_details", late.as_str())];
    let late = exchange(&world, &token, &late).await;
    assert_eq!(late.text("error"), "invalid_authorization_details");
    world.later(SignedDuration::from_mins(40));
    let over = exchange(&world, &answer.text("access_token"), &mine).await;
    assert_eq!(over.text("error"), "invalid_request");
}

#[actix_web::test]
async fn a_change_of_the_parent_reaches_its_children_as_what_both_allow() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    let less = json!([detail(
        json!({"models": ["gpt-4o*"], "limits": {"monthly_spend": 3}})
    )])
    .to_string();
    let first = child(&world, &token, &[("authorization_details", &less)]).await;
    let chat = json!([detail(json!({"capabilities": ["chat"]}))]).to_string();
    let second = child(&world, &first, &[("authorization_details", &chat)]).await;
    let lower = json!({"limits": {"monthly_spend": 2}, "models": ["gpt-4o-mini"], "expires": "2026-11-22T20:00:00Z"});
    assert_eq!(patch(&world, &person, &parent, lower).await.status, 204);
    for token in [&first, &second] {
        let now = access(&world, token, "details").await;
        assert_eq!(now[0]["limits"]["monthly_spend"], json!("2"));
        assert_eq!(now[0]["models"], json!(["gpt-4o-mini"]));
        assert_eq!(now[0]["expires"], json!("2026-11-22T20:00:00Z"));
        let above = access(&world, token, "ancestors").await;
        for above in above.as_array().unwrap() {
            assert_eq!(above["limits"]["openai"]["monthly_spend"], json!("2"));
        }
    }
    // What is shown is what is enforced.
    let shown = children(&world, &person, &parent).await;
    let shown = &shown[0]["authorization_details"][0];
    assert_eq!(shown["limits"]["monthly_spend"], json!(2));
    // Raised again, a child has what it was made with, and no more.
    let higher = json!({"limits": {"monthly_spend": 4}, "expires": "2026-11-23T12:00:00Z"});
    assert_eq!(patch(&world, &person, &parent, higher).await.status, 204);
    let now = access(&world, &first, "details").await;
    assert_eq!(now[0]["limits"]["monthly_spend"], json!("3"));
    assert_eq!(now[0]["models"], json!(["gpt-4o-mini"]));
    // A child itself is not raised beyond its parent.
    let id = children(&world, &person, &parent).await[0]["id"].clone();
    let id = id.as_str().unwrap();
    let beyond = patch(&world, &person, id, json!({"limits": {"monthly_spend": 5}})).await;
    assert_eq!(
        (beyond.status, beyond.problem().as_str()),
        (422, "beyond-grant")
    );
    let within = patch(&world, &person, id, json!({"limits": {"monthly_spend": 4}})).await;
    assert_eq!(within.status, 204, "{}", within.body);
    // Nothing in common is nothing.
    let id = parent.as_str();
    assert_eq!(
        patch(&world, &person, id, json!({"capabilities": ["embeddings"]}))
            .await
            .status,
        204
    );
    let nothing = access(&world, &second, "details").await;
    assert_eq!(nothing, json!([]));
}

#[actix_web::test]
async fn children_end_with_their_parent_and_not_the_other_way() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    let first = child(&world, &token, &[]).await;
    let sibling = child(&world, &token, &[]).await;
    let grandchild = child(&world, &first, &[]).await;
    let made = children(&world, &person, &parent).await;
    assert_eq!((made.len(), world.live_tokens().await), (2, 4));
    let of_first = grant_of(&world, &first).await;
    let ended = async |token: &str| access(&world, token, "closed_at").await != Value::Null;
    revoke(&world, &person, &of_first).await;
    assert_eq!(
        (
            ended(&token).await,
            ended(&first).await,
            ended(&sibling).await,
            ended(&grandchild).await
        ),
        (false, true, false, true)
    );
    revoke(&world, &person, &parent).await;
    assert_eq!(world.live_tokens().await, 0);
    for grant in grants(&world, &person).await {
        assert_eq!(grant["state"], json!("revoked"), "{grant}");
    }
    let told = "SELECT count(*) FROM store.events WHERE type = 'grant.revoked'";
    assert_eq!(
        world.look::<i64>(told).await,
        4,
        "each ends once, by an event of its own"
    );
}

#[actix_web::test]
async fn a_refresh_token_that_comes_twice_takes_the_children_along() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, _) = connected(&world, &person).await;
    let mine = [("client_id", client.as_str())];
    child(&world, &first.text("access_token"), &mine).await;
    for expected in [200, 400] {
        let refresh = first.text("refresh_token");
        let answer = crate::refresh::renew(&world, &client, &refresh, None).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn three_generations_and_a_hundred_live_children_are_the_most() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    let mut youngest = token.clone();
    for _ in 0..3 {
        youngest = child(&world, &youngest, &[]).await;
    }
    let above = access(&world, &youngest, "ancestors").await;
    assert_eq!(above.as_array().unwrap().len(), 3);
    assert_eq!(above[2]["grant"], json!(parent));
    let deeper = exchange(&world, &youngest, &[]).await;
    assert_eq!(deeper.text("error"), "invalid_request");
    assert!(deeper.text("error_description").contains("three times"));

    // Many at once see the same bound.
    let answers = at_once(110, || exchange(&world, &token, &[])).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 97);
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(refused.text("error"), "invalid_request");
    assert!(refused.text("error_description").contains("100"));
    // One that ends makes room for another.
    let one = children(&world, &person, &parent).await[0]["id"].clone();
    revoke(&world, &person, one.as_str().unwrap()).await;
    child(&world, &token, &[]).await;
    revoke(&world, &person, &parent).await;
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn children_of_a_narrowed_token_stay_within_it_together() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let less = detail(json!({"limits": {"monthly_spend": 1}}));
    let refresh = first.text("refresh_token");
    let narrow = crate::refresh::renew(&world, &client, &refresh, Some(less)).await;
    let mine = [("client_id", client.as_str())];
    let made = child(&world, &narrow.text("access_token"), &mine).await;
    let above = access(&world, &made, "ancestors").await;
    assert_eq!(above[0]["limits"]["openai"]["monthly_spend"], json!("1"));
    let raised = patch(
        &world,
        &person,
        &grant,
        json!({"limits": {"monthly_spend": 9}}),
    )
    .await;
    assert_eq!(raised.status, 204, "{}", raised.body);
    let above = access(&world, &made, "ancestors").await;
    assert_eq!(above[0]["limits"]["openai"]["monthly_spend"], json!("1"));
}

#[actix_web::test]
async fn an_exchange_at_the_moment_of_a_revocation_or_a_change_escapes_neither() {
    let world = World::open().await;
    let person = owner(&world).await;
    for round in 0..10 {
        let (grant, token) = granted(&world, &person).await;
        if round % 2 == 0 {
            let (made, ()) = futures_util::join!(
                exchange(&world, &token, &[]),
                revoke(&world, &person, &grant)
            );
            assert!(matches!(made.status, 200 | 400), "{}", made.body);
            assert_eq!(world.live_tokens().await, 0);
        } else {
            let lower = json!({"limits": {"monthly_spend": 1}});
            let (made, changed) = futures_util::join!(
                exchange(&world, &token, &[]),
                patch(&world, &person, &grant, lower)
            );
            assert_eq!(changed.status, 204, "{}", changed.body);
            let details = access(&world, &made.text("access_token"), "details").await;
            assert_eq!(details[0]["limits"]["monthly_spend"], json!("1"));
            revoke(&world, &person, &grant).await;
        }
    }
}

#[actix_web::test]
async fn another_persons_child_is_as_unknown_as_none() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    child(&world, &token, &[]).await;
    let id = children(&world, &person, &parent).await[0]["id"].clone();
    let path = format!("/grants/{}", id.as_str().unwrap());
    let colleague = world.member(person.tenant, Role::Owner).await;
    let stranger = world.person(Role::Owner).await;
    for other in [colleague, stranger] {
        assert_eq!(world.get(&other, &path).await.status, 404);
        assert_eq!(grants(&world, &other).await, Vec::<Value>::new());
    }
}

#[actix_web::test]
async fn a_bound_token_is_exchanged_by_its_key_alone_and_its_child_is_bound_to_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, ..) = connected(&world, &person).await;
    let prover = Prover::new();
    let (code, _) = code(&world, &person, &client).await;
    let bound = prover
        .post(&world, "/oauth/token", &redeeming(&client, &code))
        .await;
    let token = bound.text("access_token");
    let form = asking_for_child(&token, &client);
    let before = world.live_tokens().await;
    let mine = [("client_id", client.as_str())];
    let without = exchange(&world, &token, &mine).await;
    assert_eq!(
        (without.status, without.text("error").as_str()),
        (400, "invalid_dpop_proof")
    );
    let stolen = Prover::new().post(&world, "/oauth/token", &form).await;
    assert_eq!(
        (stolen.status, stolen.text("error").as_str()),
        (400, "invalid_grant")
    );
    assert_eq!(world.live_tokens().await, before);
    let made = prover.post(&world, "/oauth/token", &form).await;
    assert_eq!(
        (made.status, made.text("token_type").as_str()),
        (200, "DPoP")
    );
    let key = access(&world, &made.text("access_token"), "key_thumbprint").await;
    assert_eq!(key, json!(prover.thumbprint()));
}
