//! Who calls the consent service in tests.

use std::rc::Rc;

use actix_web::test::TestRequest;
use consent::vault::Actor;
use ids::{TenantId, UserId};

/// Somebody who is signed in: an API token for programs, a cookie for a browser.
#[derive(Clone)]
pub struct Person {
    pub tenant: TenantId,
    pub user: UserId,
    pub token: Rc<str>,
    pub cookie: Rc<str>,
}

impl Person {
    /// A request as this person's browser sends it from a page of the vault.
    pub fn browsing(&self, request: TestRequest) -> TestRequest {
        request
            .insert_header(("cookie", self.cookie.as_ref()))
            .insert_header(("sec-fetch-site", "same-origin"))
    }

    /// A request as a program with this person's API token sends it.
    pub fn programming(&self, request: TestRequest) -> TestRequest {
        request.insert_header(("authorization", format!("Bearer {}", self.token)))
    }

    pub fn actor(&self) -> Actor {
        Actor {
            tenant: self.tenant,
            user: self.user,
            name: self.user.to_string(),
            correlation_id: "test".to_owned(),
        }
    }
}
