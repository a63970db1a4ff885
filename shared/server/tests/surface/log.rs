//! What is written down about a request, and what is not.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use crate::world::{ask, get, post_form, serve, surface};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[actix_web::test]
async fn a_log_line_names_the_route_and_nothing_that_is_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let app = serve(surface());
    let id = "0198c0de-1111-7222-8333-444455556666";
    let link = get("/sign-in/link/in_CANARYPATH?next=CANARYQUERY")
        .insert_header(("x-request-id", id))
        .insert_header(("cookie", "__Host-latchkey=ses_CANARYCOOKIE"))
        .insert_header(("user-agent", "CANARYAGENT"));
    assert_eq!(ask(&app, link).await.status, 204);
    let bad = post_form("/oauth/form", "name=x&CANARYNAME=CANARYBODY");
    assert_eq!(
        ask(
            &app,
            bad.insert_header(("authorization", "Bearer lk_CANARYTOKEN"))
        )
        .await
        .status,
        400
    );
    ask(&app, get("/CANARYUNMATCHED/x")).await;
    drop(guard);

    let text = lines.text();
    let line = text
        .lines()
        .find(|line| line.contains("GET /sign-in/link/{token}"))
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(json["fields"]["http.status"], 204);
    assert_eq!(json["span"]["request.id"], id);
    assert!(text.contains("GET unmatched"), "{text}");
    let ours = text
        .lines()
        .filter(|line| line.contains("\"target\":\"server"));
    for line in ours {
        assert!(!line.contains("CANARY"), "{line}");
    }
}
