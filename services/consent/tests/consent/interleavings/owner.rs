//! What the person does in their browser and with their programs.

use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::json;

use super::{
    board::Board,
    desk::Desk,
    form::filled,
    plan::{Deed, Plan},
    turns::let_others,
};
use crate::world::{Answer, ORIGIN};

/// How often the person looks for a request that is on its way.
const LOOKS: usize = 100;
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(20);

pub struct Decider<'a, D> {
    pub desk: &'a D,
    pub board: &'a Board,
    pub plan: &'a Plan,
}

impl<D: Desk> Decider<'_, D> {
    pub async fn act(&self) {
        for _ in 0..100 {
            if self.board.see(|seen| seen.asking.len()) >= self.plan.patience {
                break;
            }
            let_others().await;
        }
        for deed in &self.plan.deeds {
            match *deed {
                Deed::Look(which) => self.look(which).await,
                Deed::Decide {
                    which,
                    yes,
                    on_the_page,
                } => {
                    let Some(id) = self.waiting(which).await else {
                        continue;
                    };
                    let answer = self.decide(&id, yes, on_the_page).await;
                    self.board
                        .decided(if yes { "approves" } else { "denies" }, &id, &answer);
                    self.note(id, yes, &answer);
                }
            }
        }
    }

    fn note(&self, id: String, yes: bool, answer: &Answer) {
        // A page that finds the request decided leads back to it.
        let overtaken = answer.header("location").starts_with("/requests/");
        if !matches!(answer.status, 200 | 204 | 303) || overtaken {
            return;
        }
        let now = self.desk.now();
        self.board.see(|seen| {
            if yes {
                seen.approved.insert(id, now);
            } else {
                seen.denied.push(id);
            }
        });
    }

    /// One of those that wait, as soon as there is one; `None` when there is none for long.
    async fn waiting(&self, which: usize) -> Option<String> {
        for _ in 0..LOOKS {
            let calls = self.board.see(|seen| seen.asking.clone());
            for number in which..which + calls.len() {
                let id = self.desk.request_of(calls[number % calls.len()]).await;
                if id.as_ref().is_some_and(|id| !self.is_decided(id)) {
                    return id;
                }
            }
            if self.board.see(|seen| seen.unanswered == 0) {
                return None;
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    fn is_decided(&self, id: &str) -> bool {
        self.board.see(|seen| {
            seen.approved.contains_key(id) || seen.denied.iter().any(|denied| denied == id)
        })
    }

    async fn look(&self, which: usize) {
        let known = self.board.see(|seen| {
            let count = seen.requests.len().max(1);
            seen.requests.get(which % count).cloned()
        });
        let Some(id) = known else { return };
        let page = self.open(&id).await;
        self.board.decided("looks at", &id, &page);
    }

    async fn open(&self, id: &str) -> Answer {
        let page = TestRequest::get().uri(&format!("/requests/{id}"));
        self.desk.send(self.desk.person().browsing(page)).await
    }

    async fn decide(&self, id: &str, yes: bool, on_the_page: bool) -> Answer {
        let action = format!("/requests/{id}/{}", if yes { "approve" } else { "deny" });
        if on_the_page {
            let page = self.open(id).await;
            if page.status == 200
                && let Some(fields) = filled(&page.body, &action)
            {
                let form = TestRequest::post()
                    .uri(&action)
                    .insert_header(("cookie", self.desk.person().cookie.as_ref()))
                    .insert_header(("origin", ORIGIN));
                return self.desk.send(form.set_form(fields)).await;
            }
        }
        let post = TestRequest::post().uri(&format!("/api/v1{action}"));
        self.desk
            .send(self.desk.person().programming(post).set_json(json!({})))
            .await
    }
}
