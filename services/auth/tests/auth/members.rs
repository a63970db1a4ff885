//! Who belongs to an organization.

use actix_web::http::StatusCode;
use auth::provision::Provision;
use serde_json::{Value, json};

use crate::vault::{Vault, asked};

const MEMBERS: &str = "/api/v1/members";

#[actix_web::test]
async fn organizations_do_not_see_each_others_members() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let globex = vault
        .provision(&Provision {
            owner_name: "Gus".to_owned(),
            ..asked("Globex")
        })
        .await;
    for (provisioned, name) in [(&acme, "Ada"), (&globex, "Gus")] {
        let program = vault.program(provisioned.owner_token.as_deref().unwrap());
        let members = program.get(MEMBERS).await.json();
        let members = members["items"].as_array().unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0]["id"], provisioned.user.to_string());
        assert_eq!(members[0]["name"], name);
        assert_eq!(members[0]["role"], "owner");
        assert_eq!(
            members[0]["email"], "ada@acme.test",
            "one address in two organizations"
        );
    }
}

#[actix_web::test]
async fn only_who_manages_members_sees_their_addresses() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let until = vault.now() + jiff::SignedDuration::from_hours(1);
    for (role, sees) in [("admin", true), ("member", false), ("finance", false)] {
        let body = json!({"label": "x", "role": role, "expires_at": until.to_string()});
        let token = owner.post("/api/v1/api-tokens", body).await.json();
        let members = vault
            .program(token["token"].as_str().unwrap())
            .get(MEMBERS)
            .await
            .json();
        assert_eq!(members["items"][0].get("email").is_some(), sees, "{role}");
    }
}

#[actix_web::test]
async fn members_come_in_pieces_in_the_order_they_joined() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    for number in 0..4 {
        vault.pass(jiff::SignedDuration::from_secs(1));
        let email = format!("owner-{number}@acme.test");
        let name = format!("Owner {number}");
        vault
            .provision(&Provision {
                owner_name: name,
                owner_email: email,
                ..asked("Acme")
            })
            .await;
    }
    let program = vault.program(acme.owner_token.as_deref().unwrap());
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let piece = program
            .get(&format!("{MEMBERS}?limit=2{cursor}"))
            .await
            .json();
        names.extend(
            piece["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["name"].clone()),
        );
        match &piece["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(names, ["Ada", "Owner 0", "Owner 1", "Owner 2", "Owner 3"]);
}

#[actix_web::test]
async fn a_list_is_asked_for_properly() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    let program = vault.program(acme.owner_token.as_deref().unwrap());
    for query in [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=x",
        "cursor=x",
        "cursor=org_0198",
        "x=1",
        "limit=1&limit=2",
    ] {
        let answer = program.get(&format!("{MEMBERS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(
        vault.browser().get(MEMBERS).await.status,
        StatusCode::UNAUTHORIZED
    );
}
