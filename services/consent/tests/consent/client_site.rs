//! A client's own web server on this machine, which answers as a test wants.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the server answers to whatever it is asked.
#[derive(Clone)]
pub enum Page {
    /// A 200 of this type, with a header more, and this body.
    Document(&'static str, &'static str, Value),
    /// These bytes.
    Raw(String),
    /// Nothing, and the connection stays open.
    Silence,
}

/// A running server.
pub struct Site {
    port: u16,
    page: Arc<Mutex<Page>>,
    asked: Arc<AtomicUsize>,
}

impl Site {
    /// A server with a good document for its client id.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self {
            port: listener.local_addr().unwrap().port(),
            page: Arc::new(Mutex::new(Page::Silence)),
            asked: Arc::default(),
        };
        site.says(&json!({}));
        let (page, asked) = (Arc::clone(&site.page), Arc::clone(&site.asked));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::Relaxed);
                let page = page.lock().unwrap().clone();
                tokio::spawn(answer(connection, page));
            }
        });
        site
    }

    pub fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The client id, which is the address of the document.
    pub fn client_id(&self) -> String {
        self.at("/client.json")
    }

    pub fn callback(&self) -> String {
        self.at("/callback")
    }

    /// A good document with these members besides.
    pub fn document(&self, changes: &Value) -> Value {
        let mut document = json!({"client_id": self.client_id(), "client_name": "Recipes", "redirect_uris": [self.callback()],
                                  "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none"});
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    }

    pub fn says(&self, changes: &Value) {
        let document = self.document(changes);
        self.answers(Page::Document(
            "application/json",
            "cache-control: max-age=600",
            document,
        ));
    }

    pub fn answers(&self, page: Page) {
        *self.page.lock().unwrap() = page;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn answer(mut connection: TcpStream, page: Page) {
    let mut request = vec![0; 4_096];
    drop(connection.read(&mut request).await);
    let text = match page {
        Page::Document(kind, header, body) => {
            let body = body.to_string();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{header}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        }
        Page::Raw(text) => text,
        Page::Silence => {
            // Until the other side gives up.
            drop(connection.read(&mut request).await);
            return;
        }
    };
    drop(connection.write_all(text.as_bytes()).await);
}
