//! What an operator runs to set up an organization.

use actix_web::http::StatusCode;
use auth::{Projections, provision::Provision};
use postgres::Scope;

use crate::vault::{Vault, asked};

#[actix_web::test]
async fn the_first_run_makes_organization_owner_token_and_link() {
    let vault = Vault::open().await;
    let acme = vault.found("Acme").await;
    assert!(acme.created);
    assert!(
        acme.sign_in_url
            .starts_with("http://127.0.0.1:8080/sign-in/link/in_")
    );
    let program = vault.program(acme.owner_token.as_deref().unwrap());
    let session = program.get("/api/v1/session").await.json();
    assert_eq!(session["role"], "owner");
    assert_eq!(session["via"], "api_token");
    assert_eq!(session["organization"]["id"], acme.tenant.to_string());
    assert!(session.get("csrf_token").is_none());
}

#[actix_web::test]
async fn running_it_again_gives_a_fresh_link_and_nothing_else() {
    let vault = Vault::open().await;
    let first = vault.found("Acme").await;
    let events = vault.scratch.rows("store.events").await;
    let second = vault.found("  ACME ").await;
    assert!(!second.created);
    assert_eq!((second.tenant, second.user), (first.tenant, first.user));
    assert_ne!(second.sign_in_url, first.sign_in_url);
    assert_eq!(second.owner_token, None);
    assert_eq!(vault.scratch.rows("store.events").await, events);
    vault.owner(&first).await;
    vault.owner(&second).await;
}

#[actix_web::test]
async fn many_runs_at_once_make_one_organization() {
    let vault = Vault::open().await;
    let asked = asked("Acme");
    let runs = futures_util::future::join_all((0..4).map(|_| vault.provision(&asked))).await;
    assert_eq!(runs.iter().filter(|run| run.created).count(), 1);
    assert!(
        runs.iter()
            .all(|run| (run.tenant, run.user) == (runs[0].tenant, runs[0].user))
    );
    assert_eq!(vault.scratch.rows("auth.organizations").await.len(), 1);
    assert_eq!(vault.scratch.rows("auth.users").await.len(), 1);
}

#[actix_web::test]
async fn a_new_owner_token_is_made_when_asked_for() {
    let vault = Vault::open().await;
    let first = vault.found("Acme").await;
    let again = Provision {
        new_owner_token: true,
        ..asked("Acme")
    };
    let second = vault.provision(&again).await;
    assert_ne!(first.owner_token, second.owner_token);
    for token in [first.owner_token.unwrap(), second.owner_token.unwrap()] {
        assert_eq!(
            vault.program(&token).get("/api/v1/session").await.status,
            StatusCode::OK
        );
    }
}

#[actix_web::test]
async fn what_cannot_be_set_up_is_refused_by_name_and_leaves_nothing() {
    let vault = Vault::open().await;
    let cases = [
        (
            Provision {
                organization: String::new(),
                ..asked("Acme")
            },
            "--organization",
        ),
        (
            Provision {
                organization: "x".repeat(81),
                ..asked("Acme")
            },
            "--organization",
        ),
        (
            Provision {
                owner_name: "\u{202e}".to_owned(),
                ..asked("Acme")
            },
            "--owner-name",
        ),
        (
            Provision {
                owner_email: "nobody".to_owned(),
                ..asked("Acme")
            },
            "--owner-email",
        ),
        (
            Provision {
                sso_issuer: Some("https://id.test".to_owned()),
                ..asked("Acme")
            },
            "belong together",
        ),
        (
            Provision {
                sso_client_id: Some("latchkey".to_owned()),
                ..asked("Acme")
            },
            "belong together",
        ),
        (sso("http://id.test", "latchkey"), "--sso-issuer"),
        (sso("https://10.0.0.1", "latchkey"), "--sso-issuer"),
        (sso("https://id.test", " "), "--sso-client-id"),
    ];
    for (asked, word) in cases {
        let error = vault.try_provision(&asked).await.err().unwrap();
        assert!(format!("{error:#}").contains(word), "{error:#}");
    }
    assert!(vault.scratch.rows("store.events").await.is_empty());
}

fn sso(issuer: &str, client_id: &str) -> Provision {
    Provision {
        sso_issuer: Some(issuer.to_owned()),
        sso_client_id: Some(client_id.to_owned()),
        ..asked("Acme")
    }
}

#[actix_web::test]
async fn connecting_the_same_provider_again_keeps_the_connection() {
    let vault = Vault::open().await;
    let first = vault
        .provision(&sso("https://id.test", "latchkey"))
        .await
        .sso
        .unwrap();
    let second = vault
        .provision(&sso("https://id.test", "latchkey-2"))
        .await
        .sso
        .unwrap();
    assert_eq!(first.connection, second.connection);
    assert_eq!(
        first.redirect_uri,
        format!("http://127.0.0.1:8080/sso/{}/callback", first.connection)
    );
    let rows = vault.scratch.rows("auth.sso_connections").await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].contains("latchkey-2"), "{}", rows[0]);
}

#[actix_web::test]
async fn organizations_and_users_are_what_their_events_add_up_to() {
    let vault = Vault::open().await;
    let tenants = [
        vault.found("Acme").await.tenant,
        vault.found("Globex").await.tenant,
    ];
    let tables = ["auth.organizations", "auth.users"];
    let mut before = Vec::new();
    for table in tables {
        before.push(vault.scratch.rows(table).await);
    }
    let superuser = vault.scratch.superuser().await;
    superuser
        .batch_execute("UPDATE auth.users SET role = 'finance', name = 'x'")
        .await
        .unwrap();
    superuser
        .batch_execute("UPDATE auth.organizations SET name = 'x'")
        .await
        .unwrap();
    let postgres = vault.settings.postgres().unwrap();
    for tenant in tenants {
        let tx = postgres
            .begin("rebuild", Scope::Tenant(tenant))
            .await
            .unwrap();
        event_store::rebuild(&tx, tenant, &Projections)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(vault.scratch.rows(table).await, before, "{table}");
    }
}
