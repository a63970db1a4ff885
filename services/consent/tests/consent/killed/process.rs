//! The real binary over the world's database, and what speaks to it.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    scratch::{amqp_url, redis_url},
    world::{Answer, World, until},
};

/// A running `latchkey-consent`.
pub struct Process {
    child: Child,
    port: u16,
}

/// What is sent to it.
#[derive(Clone)]
pub struct Sent {
    pub line: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Process {
    /// Starts it and waits until it answers.
    pub async fn start(world: &World) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let scratch = &world.scratch;
        let child = Command::new(env!("CARGO_BIN_EXE_latchkey-consent"))
            .env("LATCHKEY_PORT", port.to_string())
            .env("LATCHKEY_WORKERS", "1")
            .env("LATCHKEY_PUBLIC_URL", format!("http://127.0.0.1:{port}"))
            .env("LATCHKEY_ENVIRONMENT", "development")
            .env("LATCHKEY_CONSENT_DATABASE_URL", scratch.url_of("consent"))
            .env("LATCHKEY_REDIS_URL", redis_url())
            .env("LATCHKEY_REDIS_NAMESPACE", scratch.namespace())
            .env("LATCHKEY_AMQP_URL", amqp_url())
            .env("LATCHKEY_AMQP_PREFIX", scratch.amqp_prefix())
            .env("LATCHKEY_KMS_KEY_FILE", scratch.folder.join("wrapping-key"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { child, port };
        until("the process", async || {
            let live = process.send(&Sent::get("/health/live")).await;
            live.filter(|answer| answer.status == 200).map(drop)
        })
        .await;
        process
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a request; `None` when no whole answer comes back.
    pub async fn send(&self, sent: &Sent) -> Option<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let mut text = format!(
            "{} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n",
            sent.line, self.port
        );
        for (name, value) in &sent.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{}", sent.body.len(), sent.body);
        stream.write_all(text.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        parsed(&String::from_utf8_lossy(&answer))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop((self.child.kill(), self.child.wait()));
    }
}

impl Sent {
    pub fn get(path: &str) -> Self {
        Self {
            line: format!("GET {path}"),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub fn json(path: &str, body: &serde_json::Value) -> Self {
        Self {
            line: format!("POST {path}"),
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    pub fn form(path: &str, form: &[(&str, String)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        Self {
            line: format!("POST {path}"),
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body,
        }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

fn parsed(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        headers.append(
            HeaderName::try_from(name).ok()?,
            HeaderValue::from_str(value).ok()?,
        );
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let whole = length.is_none_or(|length: usize| length == body.len());
    whole.then(|| Answer {
        status,
        headers,
        body: body.to_owned(),
    })
}
