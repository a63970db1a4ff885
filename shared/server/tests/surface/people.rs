//! Who is let in, and what a browser must show before it changes anything.

use actix_web::{cookie::Cookie, test::TestRequest};
use clock::Clock;
use ids::{ApiToken, OkapToken, SessionToken, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{Postgres, Scope};
use server::{Site, Surface};
use sessions::{ApiTokenRecord, IssuedApiToken, OpenedSession, Role, SessionRecord, Sessions};

use crate::{
    scratch::Scratch,
    world::{ORIGIN, ask, get, post, post_form, serve, settings, surface, surface_on},
};

struct Vault {
    _scratch: Scratch,
    postgres: Postgres,
    clock: Clock,
    sessions: Sessions,
    tenant: TenantId,
    user: UserId,
}

impl Vault {
    async fn open() -> Self {
        let scratch = Scratch::create().await;
        let postgres = scratch.postgres();
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let clock = Clock::set(now);
        let sessions = Sessions::new(postgres.clone(), clock.clone());
        let (tenant, user) = (TenantId::new(now), UserId::new(now));
        Self {
            _scratch: scratch,
            postgres,
            clock,
            sessions,
            tenant,
            user,
        }
    }

    fn surface(&self) -> Surface {
        surface_on(self.sessions.clone())
    }

    async fn sign_in(&self) -> OpenedSession {
        let tx = self
            .postgres
            .begin("sign in", Scope::Tenant(self.tenant))
            .await
            .unwrap();
        let name = "Ada".to_owned();
        let record = SessionRecord {
            tenant: self.tenant,
            user: self.user,
            role: Role::Owner,
            name,
        };
        let opened = self.sessions.open(&tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        opened
    }

    async fn issue(&self, role: Role) -> IssuedApiToken {
        let tx = self
            .postgres
            .begin("issue", Scope::Tenant(self.tenant))
            .await
            .unwrap();
        let record = ApiTokenRecord {
            tenant: self.tenant,
            user: self.user,
            role,
            label: "script".to_owned(),
            expires_at: self.clock.now() + SignedDuration::from_hours(1),
        };
        let issued = self.sessions.issue_api_token(&tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        issued
    }
}

fn with_cookie(request: TestRequest, session: &OpenedSession) -> TestRequest {
    request.cookie(Cookie::new(
        "__Host-latchkey",
        session.token.reveal().to_owned(),
    ))
}

fn bearer(request: TestRequest, token: &str) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {token}")))
}

const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");

#[actix_web::test]
async fn nobody_is_401_for_the_api_and_sent_to_sign_in_by_pages() {
    let app = serve(surface());
    let api = ask(&app, get("/api/v1/me")).await;
    assert_eq!((api.status, api.problem().as_str()), (401, "unauthorized"));
    assert!(api.header("www-authenticate").starts_with("Bearer"));
    let page = ask(&app, get("/inbox?state=pending&x=a%26b")).await;
    assert_eq!(page.status, 303);
    assert_eq!(
        page.header("location"),
        "/sign-in?next=%2Finbox%3Fstate%3Dpending%26x%3Da%2526b"
    );
    let form = ask(&app, post_form("/requests/approve", "name=x")).await;
    assert_eq!(
        (form.status, form.header("location")),
        (303, "/sign-in?next=%2F")
    );
}

#[actix_web::test]
async fn a_cookie_that_cannot_be_ours_is_nobody() {
    let app = serve(surface());
    let made_up = SessionToken::mint()
        .unwrap()
        .reveal()
        .replace("ses_", "lk_");
    for value in ["", "x", "ses_", &made_up, &"a".repeat(5_000)] {
        let request = get("/api/v1/me").cookie(Cookie::new("__Host-latchkey", value.to_owned()));
        assert_eq!(ask(&app, request).await.status, 401, "{value}");
    }
}

#[actix_web::test]
async fn a_live_session_is_let_in_by_its_cookie() {
    let vault = Vault::open().await;
    let app = serve(vault.surface());
    let session = vault.sign_in().await;
    let me = ask(&app, with_cookie(get("/api/v1/me"), &session)).await;
    assert_eq!(me.json()["user"], vault.user.to_string());
    assert_eq!(
        ask(&app, with_cookie(get("/inbox"), &session)).await.body,
        "Ada"
    );
    vault
        .clock
        .move_to(vault.clock.now() + SignedDuration::from_hours(9));
    assert_eq!(
        ask(&app, with_cookie(get("/api/v1/me"), &session))
            .await
            .status,
        401
    );
    assert_eq!(
        ask(&app, with_cookie(get("/inbox"), &session)).await.status,
        303
    );
}

#[actix_web::test]
async fn the_cookie_of_plain_http_opens_nothing_on_https() {
    let vault = Vault::open().await;
    let app = serve(vault.surface());
    let session = vault.sign_in().await;
    let plain = Cookie::new("latchkey_session", session.token.reveal().to_owned());
    assert_eq!(ask(&app, get("/api/v1/me").cookie(plain)).await.status, 401);
}

#[actix_web::test]
async fn the_session_cookie_is_bound_to_host_tls_and_http() {
    let vault = Vault::open().await;
    let site = Site::new(&settings(), vault.sessions.clone());
    let session = vault.sign_in().await;
    let cookie = site.session_cookie(&session.token).to_string();
    let rest = cookie.split_once("; ").unwrap().1;
    assert!(cookie.starts_with("__Host-latchkey=ses_"));
    assert_eq!(rest, "HttpOnly; SameSite=Lax; Secure; Path=/");
    let cleared = site.cleared_session_cookie().to_string();
    assert!(
        cleared.starts_with("__Host-latchkey=; ") && cleared.contains("Max-Age=0"),
        "{cleared}"
    );
    assert!(
        cleared.contains("Secure") && cleared.contains("Path=/"),
        "{cleared}"
    );
}

#[actix_web::test]
async fn an_api_token_is_let_in_and_needs_no_csrf_token() {
    let vault = Vault::open().await;
    let app = serve(vault.surface());
    let issued = vault.issue(Role::Member).await;
    let me = ask(&app, bearer(get("/api/v1/me"), issued.token.reveal())).await;
    assert_eq!(me.json()["role"], "member");
    assert_eq!(
        ask(&app, bearer(post("/api/v1/me"), issued.token.reveal()))
            .await
            .status,
        200
    );
    let lower = get("/api/v1/me")
        .insert_header(("authorization", format!("bearer {}", issued.token.reveal())));
    assert_eq!(ask(&app, lower).await.status, 200);
    let refused = ask(&app, bearer(get("/api/v1/members"), issued.token.reveal())).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (403, "forbidden")
    );
    vault
        .clock
        .move_to(vault.clock.now() + SignedDuration::from_hours(1));
    assert_eq!(
        ask(&app, bearer(get("/api/v1/me"), issued.token.reveal()))
            .await
            .status,
        401
    );
}

#[actix_web::test]
async fn each_bad_authorization_is_401_for_what_is_wrong() {
    let vault = Vault::open().await;
    let app = serve(vault.surface());
    let session = vault.sign_in().await;
    let unknown = ApiToken::mint().unwrap();
    let okap = OkapToken::mint().unwrap();
    let (rest, last) = unknown.reveal().split_at(unknown.reveal().len() - 1);
    let mistyped = format!("{rest}{}", if last == "x" { "y" } else { "x" });
    for (value, expected) in [
        (String::new(), "Bearer lk_"),
        ("Bearer".to_owned(), "Bearer lk_"),
        ("Basic YTpi".to_owned(), "Bearer lk_"),
        (format!("Bearer {}", okap.reveal()), "AI providers"),
        ("Bearer okap_x".to_owned(), "AI providers"),
        ("Bearer lk_".to_owned(), "characters long"),
        (
            format!("Bearer {}", session.token.reveal()),
            "begins with `lk_`",
        ),
        (format!("Bearer {mistyped}"), "checksum"),
        (
            format!("Bearer {}", unknown.reveal()),
            "unknown, expired or revoked",
        ),
    ] {
        // A cookie beside it does not help: what was shown last is what counts.
        let request = with_cookie(get("/api/v1/me"), &session);
        let answer = ask(
            &app,
            request.insert_header(("authorization", value.clone())),
        )
        .await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (401, "unauthorized"),
            "{value}"
        );
        assert!(answer.body.contains(expected), "{value}: {}", answer.body);
        assert!(!answer.body.contains(unknown.reveal()), "{}", answer.body);
    }
    let twice =
        bearer(get("/api/v1/me"), unknown.reveal()).append_header(("authorization", "Bearer lk_x"));
    assert_eq!(ask(&app, twice).await.status, 401);
}

#[actix_web::test]
async fn a_browser_changes_something_only_with_its_token_and_from_our_pages() {
    let vault = Vault::open().await;
    let app = serve(vault.surface());
    let session = vault.sign_in().await;
    let other = vault.sign_in().await;
    let token = session.csrf.reveal().to_owned();
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let cases: [(&str, Headers, u16); 9] = [
        ("both", vec![OURS, ("x-csrf-token", &token)], 200),
        (
            "both, an older browser",
            vec![("origin", ORIGIN), ("x-csrf-token", &token)],
            200,
        ),
        (
            "the referrer policy hides the origin",
            vec![OURS, ("origin", "null"), ("x-csrf-token", &token)],
            200,
        ),
        ("no token", vec![OURS], 403),
        (
            "another session's token",
            vec![OURS, ("x-csrf-token", other.csrf.reveal())],
            403,
        ),
        (
            "neither says where from",
            vec![("x-csrf-token", &token)],
            403,
        ),
        (
            "another site",
            vec![("sec-fetch-site", "cross-site"), ("x-csrf-token", &token)],
            403,
        ),
        (
            "a sibling host",
            vec![("sec-fetch-site", "same-site"), ("x-csrf-token", &token)],
            403,
        ),
        (
            "another origin",
            vec![("origin", "https://evil.example"), ("x-csrf-token", &token)],
            403,
        ),
    ];
    for (name, headers, status) in cases {
        let mut request = with_cookie(post("/api/v1/me"), &session);
        for header in headers {
            request = request.insert_header(header);
        }
        let answer = ask(&app, request).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        if status == 403 {
            assert_eq!(answer.problem(), "csrf", "{name}");
        }
    }
}

#[actix_web::test]
async fn a_form_carries_its_token_in_a_field_that_the_handler_never_sees() {
    let vault = Vault::open().await;
    let app = serve(vault.surface());
    let session = vault.sign_in().await;
    let send = |body: String| with_cookie(post_form("/requests/approve", body), &session);
    let token = session.csrf.reveal();

    let good = ask(
        &app,
        send(format!("csrf={token}&name=x&models=a")).insert_header(OURS),
    )
    .await;
    assert_eq!(
        (good.status, good.json()["form"]["name"].as_str()),
        (200, Some("x"))
    );
    let by_header = send("name=x".to_owned())
        .insert_header(OURS)
        .insert_header(("x-csrf-token", token));
    assert_eq!(ask(&app, by_header).await.status, 200);
    let button = with_cookie(post_form("/sign-out", format!("csrf={token}")), &session);
    assert_eq!(ask(&app, button.insert_header(OURS)).await.status, 204);

    for body in [
        "name=x".to_owned(),
        "csrf=&name=x".to_owned(),
        format!("csrf={token}&csrf={token}&name=x"),
    ] {
        let answer = ask(&app, send(body.clone()).insert_header(OURS)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (403, "csrf"),
            "{body}"
        );
    }
    let foreign =
        send(format!("csrf={token}&name=x")).insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(ask(&app, foreign).await.problem(), "csrf");
    let unknown = send(format!("csrf={token}&name=x&colour=red")).insert_header(OURS);
    assert_eq!(ask(&app, unknown).await.problem(), "bad-request");
}

#[actix_web::test]
async fn the_sign_in_form_of_a_foreign_page_is_refused() {
    let app = serve(surface());
    let form = || post_form("/sign-in", "name=x");
    assert_eq!(ask(&app, form().insert_header(OURS)).await.status, 204);
    assert_eq!(
        ask(&app, form().insert_header(("sec-fetch-site", "cross-site")))
            .await
            .status,
        403
    );
    assert_eq!(
        ask(&app, form().insert_header(("origin", "null")))
            .await
            .status,
        403
    );
    assert_eq!(ask(&app, form()).await.status, 403);
}

#[actix_web::test]
async fn without_a_database_nobody_is_let_in_and_nobody_is_blamed() {
    let app = serve(surface());
    let token = ApiToken::mint().unwrap();
    let answer = ask(&app, bearer(get("/api/v1/me"), token.reveal())).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (503, "unavailable")
    );
    assert_eq!(answer.header("retry-after"), "5");
}
