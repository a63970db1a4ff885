//! Sessions and API tokens on a real database, under row-level security.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod scratch;

use clock::Clock;
use ids::{SessionToken, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{Postgres, Scope};
use scratch::Scratch;
use sessions::{
    ApiTokenRecord, IssuedApiToken, OpenedSession, Role, SessionError, SessionRecord, Sessions, Via,
};

struct World {
    scratch: Scratch,
    postgres: Postgres,
    clock: Clock,
    sessions: Sessions,
    tenant: TenantId,
    user: UserId,
}

impl World {
    async fn begin() -> Self {
        let scratch = Scratch::create().await;
        let clock = Clock::set(noon());
        let postgres = scratch.postgres();
        let sessions = Sessions::new(postgres.clone(), clock.clone());
        let (tenant, user) = (TenantId::new(noon()), UserId::new(noon()));
        Self {
            scratch,
            postgres,
            clock,
            sessions,
            tenant,
            user,
        }
    }

    async fn sign_in(&self) -> OpenedSession {
        let tx = self
            .postgres
            .begin("sign in", Scope::Tenant(self.tenant))
            .await
            .unwrap();
        let name = "Ada Lindqvist".to_owned();
        let record = SessionRecord {
            tenant: self.tenant,
            user: self.user,
            role: Role::Admin,
            name,
        };
        let opened = self.sessions.open(&tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        opened
    }

    async fn issue_token(&self, expires_at: Timestamp) -> IssuedApiToken {
        let tx = self
            .postgres
            .begin("issue", Scope::Tenant(self.tenant))
            .await
            .unwrap();
        let record = ApiTokenRecord {
            tenant: self.tenant,
            user: self.user,
            role: Role::Finance,
            label: "Month-end export".to_owned(),
            expires_at,
        };
        let issued = self.sessions.issue_api_token(&tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        issued
    }

    async fn is_live(&self, session: &OpenedSession) -> bool {
        self.sessions
            .find(session.token.digest())
            .await
            .unwrap()
            .is_some()
    }

    async fn last_seen(&self, session: &OpenedSession) -> Timestamp {
        let tx = self
            .postgres
            .begin("look", Scope::Tenant(self.tenant))
            .await
            .unwrap();
        let sql = "SELECT last_seen_at FROM auth.sessions WHERE id = $1";
        tx.query_one(sql, &[&session.id.uuid()])
            .await
            .unwrap()
            .get(0)
    }

    fn pass(&self, time: SignedDuration) {
        self.clock.move_to(self.clock.now() + time);
    }
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

const fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

const fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn an_opened_session_tells_who_it_is() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    let person = world
        .sessions
        .find(opened.token.digest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (person.tenant, person.user, person.role),
        (world.tenant, world.user, Role::Admin)
    );
    assert_eq!(person.name, "Ada Lindqvist");
    assert_eq!(
        person.via,
        Via::Session {
            id: opened.id,
            csrf: opened.csrf
        }
    );
}

#[tokio::test]
async fn another_token_finds_nothing() {
    let world = World::begin().await;
    world.sign_in().await;
    let other = SessionToken::mint().unwrap().digest();
    assert_eq!(world.sessions.find(other).await.unwrap(), None);
    assert_eq!(world.sessions.find_api_token(other).await.unwrap(), None);
}

#[tokio::test]
async fn each_sign_in_has_a_token_of_its_own() {
    let world = World::begin().await;
    let (first, second) = (world.sign_in().await, world.sign_in().await);
    assert_ne!(first.token.digest(), second.token.digest());
    assert_ne!(first.csrf, second.csrf);
    assert!(world.is_live(&first).await && world.is_live(&second).await);
}

#[tokio::test]
async fn a_session_ends_after_eight_idle_hours() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    world.pass(hours(8) - seconds(1));
    assert!(world.is_live(&opened).await);
    world.pass(hours(8));
    assert!(!world.is_live(&opened).await);
}

#[tokio::test]
async fn a_session_in_use_ends_a_day_after_sign_in() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    for _ in 0..3 {
        world.pass(hours(7));
        assert!(world.is_live(&opened).await);
    }
    world.pass(hours(3) - seconds(1));
    assert!(world.is_live(&opened).await);
    world.pass(seconds(1));
    assert!(!world.is_live(&opened).await);
}

#[tokio::test]
async fn the_last_use_is_written_at_most_once_a_minute() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    world.pass(seconds(59));
    assert!(world.is_live(&opened).await);
    assert_eq!(world.last_seen(&opened).await, noon());
    world.pass(seconds(1));
    assert!(world.is_live(&opened).await);
    assert_eq!(world.last_seen(&opened).await, noon() + seconds(60));
}

#[tokio::test]
async fn a_last_use_that_cannot_be_written_signs_nobody_out() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    world
        .scratch
        .as_owner("REVOKE UPDATE ON auth.sessions FROM latchkey_sessions_test")
        .await;
    world.pass(hours(1));
    assert!(world.is_live(&opened).await);
}

#[tokio::test]
async fn an_ended_session_is_over() {
    let world = World::begin().await;
    let (ended, other) = (world.sign_in().await, world.sign_in().await);
    let tx = world
        .postgres
        .begin("sign out", Scope::Tenant(world.tenant))
        .await
        .unwrap();
    assert!(world.sessions.end(&tx, ended.id).await.unwrap());
    assert!(!world.sessions.end(&tx, ended.id).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!world.is_live(&ended).await);
    assert!(world.is_live(&other).await);
}

#[tokio::test]
async fn a_removed_person_is_signed_out_everywhere() {
    let world = World::begin().await;
    let sessions = [world.sign_in().await, world.sign_in().await];
    let token = world.issue_token(noon() + hours(1)).await;
    let tx = world
        .postgres
        .begin("remove", Scope::Tenant(world.tenant))
        .await
        .unwrap();
    assert_eq!(world.sessions.end_all_of(&tx, world.user).await.unwrap(), 2);
    assert_eq!(
        world
            .sessions
            .revoke_api_tokens_of(&tx, world.user)
            .await
            .unwrap(),
        1
    );
    tx.commit().await.unwrap();
    for session in &sessions {
        assert!(!world.is_live(session).await);
    }
    assert_eq!(
        world
            .sessions
            .find_api_token(token.token.digest())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn another_organization_ends_nothing_of_ours() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    let token = world.issue_token(noon() + hours(1)).await;
    let stranger = Scope::Tenant(TenantId::new(noon()));
    let tx = world.postgres.begin("sign out", stranger).await.unwrap();
    assert!(!world.sessions.end(&tx, opened.id).await.unwrap());
    assert!(
        !world
            .sessions
            .revoke_api_token(&tx, world.user, token.id)
            .await
            .unwrap()
    );
    assert_eq!(
        world.sessions.api_tokens_of(&tx, world.user).await.unwrap(),
        []
    );
    tx.commit().await.unwrap();
    assert!(world.is_live(&opened).await);
}

#[tokio::test]
async fn a_credential_shows_its_own_row_and_no_other() {
    let world = World::begin().await;
    let (one, _other) = (world.sign_in().await, world.sign_in().await);
    for (scope, seen) in [(Scope::Holder(one.token.digest()), 1_i64), (Scope::None, 0)] {
        let tx = world.postgres.begin("count", scope).await.unwrap();
        let row = tx
            .query_one("SELECT count(*) FROM auth.sessions", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, i64>(0), seen, "{scope:?}");
    }
}

#[tokio::test]
async fn an_api_token_has_a_role_and_an_end_of_its_own() {
    let world = World::begin().await;
    let issued = world.issue_token(noon() + hours(1)).await;
    let digest = issued.token.digest();
    let person = world
        .sessions
        .find_api_token(digest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (person.tenant, person.user, person.role),
        (world.tenant, world.user, Role::Finance)
    );
    assert_eq!(person.via, Via::ApiToken { id: issued.id });
    assert_eq!(person.csrf(), None);
    assert_eq!(world.sessions.find(digest).await.unwrap(), None);
    world.pass(hours(1));
    assert_eq!(world.sessions.find_api_token(digest).await.unwrap(), None);
}

#[tokio::test]
async fn a_revoked_api_token_is_listed_and_opens_nothing() {
    let world = World::begin().await;
    let issued = world.issue_token(noon() + hours(1)).await;
    let tx = world
        .postgres
        .begin("revoke", Scope::Tenant(world.tenant))
        .await
        .unwrap();
    let somebody_else = UserId::new(noon());
    assert!(
        !world
            .sessions
            .revoke_api_token(&tx, somebody_else, issued.id)
            .await
            .unwrap()
    );
    assert!(
        world
            .sessions
            .revoke_api_token(&tx, world.user, issued.id)
            .await
            .unwrap()
    );
    assert!(
        !world
            .sessions
            .revoke_api_token(&tx, world.user, issued.id)
            .await
            .unwrap()
    );
    let listed = world.sessions.api_tokens_of(&tx, world.user).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].id, listed[0].revoked_at),
        (issued.id, Some(noon()))
    );
    assert_eq!(
        world
            .sessions
            .find_api_token(issued.token.digest())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_read_names_its_column() {
    let world = World::begin().await;
    let opened = world.sign_in().await;
    world
        .scratch
        .as_owner("UPDATE auth.sessions SET role = 'emperor'")
        .await;
    let Err(SessionError::Database(error)) = world.sessions.find(opened.token.digest()).await
    else {
        panic!("a role of this version is needed");
    };
    assert_eq!(
        error.to_string(),
        "auth.sessions.role holds what cannot be read"
    );
}
