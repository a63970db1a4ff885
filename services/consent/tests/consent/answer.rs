//! What the service answered.

use actix_web::http::header::HeaderMap;
use futures_util::future::join_all;
use serde_json::Value;

use crate::world::ORIGIN;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// A member of the answer that is text.
    #[track_caller]
    pub fn text(&self, member: &str) -> String {
        self.json()[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member}: {}", self.body))
            .to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The parameters of the address that a browser is sent to.
    #[track_caller]
    pub fn sent_to(&self) -> (String, Vec<(String, String)>) {
        assert_eq!(self.status, 303, "{}", self.body);
        parameters_of(self.header("location"))
    }

    /// What kind of problem it is, in words.
    #[track_caller]
    pub fn problem_title(&self) -> String {
        self.problem();
        self.text("title")
    }

    /// What kind of problem it is.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{} {}",
            self.status,
            self.body
        );
        self.text("type")
            .trim_start_matches(server::PROBLEM_BASE)
            .to_owned()
    }
}

/// An address without its query, and the query.
pub fn parameters_of(url: &str) -> (String, Vec<(String, String)>) {
    let url = url::Url::options()
        .base_url(Some(&ORIGIN.parse().unwrap()))
        .parse(url)
        .unwrap();
    let query = url.query_pairs().into_owned().collect();
    (
        format!("{}{}", url.origin().ascii_serialization(), url.path()),
        query,
    )
}

/// So many at once. Who is told that there is no room (503) asks again, as that answer says: on a small
/// machine the last of a hundred wait long for one row.
pub async fn at_once<Asked: Future<Output = Answer>>(
    count: usize,
    ask: impl Fn() -> Asked,
) -> Vec<Answer> {
    let patiently = async || {
        for _ in 0..50 {
            let answer = ask().await;
            if answer.status != 503 {
                return answer;
            }
        }
        panic!("there was never room")
    };
    join_all((0..count).map(|_| patiently())).await
}
