//! What the client does at servers that mean no good.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const BOUNDS: Bounds = Bounds {
    largest_body: 1_000,
    whole_answer: Duration::from_millis(500),
};

async fn resolves(reach: Reach, name: &str) -> bool {
    CheckedNames(reach)
        .resolve(name.parse().unwrap())
        .await
        .is_ok()
}

/// Answers whoever comes with these bytes, then holds the connection open.
async fn server(answer: String) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut asked = [0; 1_024];
            drop(connection.read(&mut asked).await);
            drop(connection.write_all(answer.as_bytes()).await);
            open.push(connection);
        }
    });
    format!("http://127.0.0.1:{port}/x").parse().unwrap()
}

async fn fetched(answer: &str) -> Result<http::Response<Vec<u8>>, FetchError> {
    let url = server(answer.to_owned()).await;
    let fetch = GuardedFetch::new("test", Reach::InternetAndThisMachine, BOUNDS).unwrap();
    fetch.get(&url, "application/json").await
}

#[tokio::test]
async fn a_name_that_leads_inside_does_not_resolve() {
    assert!(!resolves(Reach::Internet, "localhost").await);
    assert!(resolves(Reach::InternetAndThisMachine, "localhost").await);
    // Names that are numbers, in the spellings that resolvers take.
    for name in ["127.0.0.1", "127.1", "10.0.0.1", "169.254.169.254"] {
        assert!(!resolves(Reach::Internet, name).await, "{name}");
    }
}

#[tokio::test]
async fn a_connection_to_a_name_that_leads_inside_is_never_made() {
    let url = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned()).await;
    let fetch = GuardedFetch::new("test", Reach::Internet, BOUNDS).unwrap();
    let by_name = format!("https://localhost.:{}/x", url.port().unwrap());
    let refused = fetch.get(&by_name.parse().unwrap(), "*/*").await;
    assert!(matches!(refused, Err(FetchError::Unreachable(_))));
    let by_number = fetch.get(&url, "*/*").await;
    assert!(matches!(by_number, Err(FetchError::Address(_))));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let answer =
        fetched("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(answer.await.unwrap().status(), 302);
}

#[tokio::test]
async fn reading_ends_at_the_largest_body() {
    let fits = "x".repeat(1_000);
    let exact = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{fits}");
    assert_eq!(fetched(&exact).await.unwrap().body().len(), 1_000);
    // It never ends: what counts is that reading does.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{fits}x");
    assert!(matches!(
        fetched(&endless).await,
        Err(FetchError::TooLarge(1_000))
    ));
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_none() {
    let slow = fetched("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx").await;
    assert!(matches!(slow, Err(FetchError::Unreachable(_))));
}
