//! One gate: each route that is written down, asked in each way that must be refused.

use events::Capability;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, client, read, roomy};

/// Written by a test of the table itself, and held against it.
const ROUTES: &str = include_str!("../../ROUTES.md");

const TAKE_FORMS: [&str; 4] = ["/transcriptions", "/translations", "/edits", "/variations"];

struct Route {
    provider: String,
    method: String,
    path: String,
    /// `None` where any capability is enough.
    capability: Option<Capability>,
}

/// The routes of the providers that every vault has, with their variables filled in.
fn routes() -> Vec<Route> {
    let rows = ROUTES.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('|').map(|cell| cell.trim().replace('`', "")));
    cells
        .map(|cells| {
            let cells: Vec<String> = cells.collect();
            let (method, path) = cells[2].split_once(' ').unwrap();
            let below = path.replace("{version}", "v1beta");
            let mut known = Capability::ALL.into_iter();
            let capability = known.find(|known| known.name() == cells[4]);
            assert!(capability.is_some() || cells[4] == "any", "{cells:?}");
            Route {
                provider: cells[1].clone(),
                method: method.to_owned(),
                path: format!("/v1/{}{}", cells[1], below.replace("{model}", "gpt-4o")),
                capability,
            }
        })
        .filter(|route| !route.provider.contains(' '))
        .collect()
}

impl Route {
    fn request(&self, stage: &Stage) -> RequestBuilder {
        let url = format!("{}{}", stage.url, self.path);
        if self.method == "GET" {
            return client().get(url).header("anthropic-version", "2023-06-01");
        }
        let request = client().post(url).header("anthropic-version", "2023-06-01");
        if TAKE_FORMS.iter().any(|end| self.path.ends_with(end)) {
            let form =
                "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o\r\n--B--\r\n";
            return request
                .header("content-type", "multipart/form-data; boundary=B")
                .body(form);
        }
        request.json(&json!({"model": "gpt-4o", "max_tokens": 5, "messages": [], "input": "x"}))
    }

    async fn refused(&self, stage: &Stage, token: Option<&Granted>) -> (u16, String) {
        let mut request = self.request(stage);
        if let Some(granted) = token {
            request = request.bearer_auth(granted.token.reveal());
        }
        let (status, answer) = read(request.send().await.unwrap()).await;
        let kind: &Value = &answer["error"]["type"];
        (status, kind.as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn no_route_goes_around_the_gate() {
    let stage = Stage::new().await;
    let all = routes();
    assert!(all.len() > 50, "{}", all.len());
    let mut providers: Vec<&str> = all.iter().map(|route| route.provider.as_str()).collect();
    providers.dedup();
    let revoked = stage.grant(&providers, roomy()).await;
    stage.revoke(revoked.grant).await;
    let at_openai = stage.grant(&["openai"], roomy()).await;
    let at_google = stage.grant(&["google"], roomy()).await;
    for route in &all {
        let named = format!("{} {}", route.method, route.path);
        let nobody = route.refused(&stage, None).await;
        assert_eq!(nobody, (401, "token_invalid".to_owned()), "{named}");
        let ended = route.refused(&stage, Some(&revoked)).await;
        assert_eq!(ended, (401, "token_revoked".to_owned()), "{named}");
        let other = match route.provider.as_str() {
            "openai" => &at_google,
            _ => &at_openai,
        };
        let elsewhere = route.refused(&stage, Some(other)).await;
        assert_eq!(elsewhere, (403, "policy_denied".to_owned()), "{named}");
        if let Some(needed) = route.capability {
            let others: Vec<Capability> = Capability::ALL
                .into_iter()
                .filter(|one| *one != needed)
                .collect();
            let without = stage
                .granted(&[route.provider.as_str()], |detail| {
                    detail.capabilities = others.iter().copied().collect();
                })
                .await;
            let lacking = route.refused(&stage, Some(&without)).await;
            assert_eq!(
                lacking,
                (403, "capability_not_granted".to_owned()),
                "{named}"
            );
        }
    }
    assert_eq!(stage.simulator.log().len(), 0);
    assert!(stage.spooled("began").is_empty());
}
