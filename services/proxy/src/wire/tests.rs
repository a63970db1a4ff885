use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{StreamExt, future::join_all};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Barrier, mpsc},
    task::{JoinSet, yield_now},
};

use super::*;

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A provider that answers what it is told to, for each request in turn, over however many
/// connections.
struct Provider {
    address: String,
    connections: Arc<AtomicUsize>,
    /// The head of each request, then an empty text for each connection that the other side closed.
    heard: mpsc::UnboundedReceiver<String>,
}

/// What a provider says to one request, and whether it then hangs up.
type Says = (&'static str, bool);

impl Provider {
    async fn start(answers: Vec<Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let (tell, heard) = mpsc::unbounded_channel();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                while let Some(head) = read_head(&mut stream).await {
                    tell.send(head).ok();
                    let (answer, hangs_up) = answers.next().unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    if hangs_up {
                        break;
                    }
                }
                tell.send(String::new()).ok();
            }
        });
        Self {
            address,
            connections,
            heard,
        }
    }

    fn call(&self) -> Call {
        let mut call = Request::new(Full::new(Bytes::from_static(b"{}")));
        *call.method_mut() = http::Method::POST;
        *call.uri_mut() = format!("http://{}/v1/x?y=z", self.address).parse().unwrap();
        call
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    read_to(stream, b"\r\n\r\n{}").await
}

async fn read_to(stream: &mut TcpStream, end: &[u8]) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        read.extend_from_slice(&buffer[..count]);
        if read.ends_with(end) {
            return Some(String::from_utf8(read).unwrap());
        }
    }
}

fn wire() -> Wire {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    Wire::new(Duration::from_secs(5), Reach::Internet).unwrap()
}

async fn read(answer: Response<Body>) -> Result<Vec<u8>, WireError> {
    let mut body = answer.into_body();
    let mut all = Vec::new();
    while let Some(bytes) = body.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_answer_was_read() {
    let mut provider = Provider::start(vec![(WHOLE, false); 3]).await;
    let wire = wire();
    for _ in 0..3 {
        let answer = wire
            .clone()
            .send(provider.call(), NamedBy::Vault)
            .await
            .unwrap();
        assert_eq!(answer.body().length(), Some(2));
        assert_eq!(read(answer).await.unwrap(), b"ok");
    }
    assert_eq!(provider.connections(), 1);
    let head = provider.heard.recv().await.unwrap();
    assert!(head.starts_with("POST /v1/x?y=z HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", provider.address)));
}

#[tokio::test]
async fn a_call_goes_over_another_connection_when_the_kept_one_was_closed() {
    let mut provider = Provider::start(vec![(WHOLE, true), (WHOLE, false)]).await;
    let wire = wire();
    let first = wire
        .clone()
        .send(provider.call(), NamedBy::Vault)
        .await
        .unwrap();
    assert_eq!(read(first).await.unwrap(), b"ok");
    provider.heard.recv().await.unwrap();
    assert_eq!(provider.heard.recv().await.unwrap(), "", "it hung up");
    let second = wire.send(provider.call(), NamedBy::Vault).await.unwrap();
    assert_eq!(read(second).await.unwrap(), b"ok");
    assert_eq!(provider.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_is_to_end_with_its_answer_is_not_kept() {
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let provider = Provider::start(vec![(closing, false), (WHOLE, false)]).await;
    let wire = wire();
    for _ in 0..2 {
        let answer = wire
            .clone()
            .send(provider.call(), NamedBy::Vault)
            .await
            .unwrap();
        assert_eq!(read(answer).await.unwrap(), b"ok");
    }
    assert_eq!(provider.connections(), 2);
}

#[tokio::test]
async fn what_was_sent_is_never_sent_again() {
    let mut provider = Provider::start(vec![("", true)]).await;
    let refused = wire().send(provider.call(), NamedBy::Vault).await;
    assert!(matches!(refused, Err(WireError::Broken(_))));
    assert!(provider.heard.recv().await.unwrap().starts_with("POST"));
    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_was_cut_short_is_not_taken_for_a_whole_one() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
    ] {
        let provider = Provider::start(vec![(cut, true)]).await;
        let answer = wire().send(provider.call(), NamedBy::Vault).await.unwrap();
        assert!(read(answer).await.is_err(), "{cut}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_closes_its_connection() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok";
    let mut provider = Provider::start(vec![(half, false)]).await;
    let wire = wire();
    drop(
        wire.clone()
            .send(provider.call(), NamedBy::Vault)
            .await
            .unwrap(),
    );
    assert!(provider.heard.recv().await.unwrap().starts_with("POST"));
    assert_eq!(provider.heard.recv().await.unwrap(), "", "it was closed");
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_told_from_one_that_broke_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut call = Request::new(Full::default());
    *call.uri_mut() = format!("http://{address}/").parse().unwrap();
    let refused = wire().send(call, NamedBy::Vault).await;
    assert!(matches!(refused, Err(WireError::Connect(_))));
}

/// Far more than one poll of a task may look at.
const MANY: usize = 300;

/// A call to this address, with a body of this length.
fn call_to(listener: &TcpListener, length: usize) -> Call {
    call_at(listener.local_addr().unwrap(), length)
}

fn call_at(address: std::net::SocketAddr, length: usize) -> Call {
    let mut call = Request::new(Full::new(Bytes::from(vec![b'x'; length])));
    *call.method_mut() = http::Method::POST;
    *call.uri_mut() = format!("http://{address}/").parse().unwrap();
    call
}

/// Takes the next connection and reads the call of two bytes that it brings.
async fn next_call(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    read_to(&mut stream, b"\r\n\r\nxx").await.unwrap();
    stream
}

/// Sends a call, which goes over a connection of its own, and answers it.
async fn answered(
    listener: &TcpListener,
    wire: &Wire,
    says: &str,
) -> (Result<Response<Body>, WireError>, TcpStream) {
    let serve = async {
        let mut stream = next_call(listener).await;
        stream.write_all(says.as_bytes()).await.unwrap();
        stream
    };
    let both = async {
        tokio::join!(
            wire.clone().send(call_to(listener, 2), NamedBy::Vault),
            serve
        )
    };
    timeout(Duration::from_secs(5), both).await.unwrap()
}

/// Whatever was still on its way, the other side closes it.
async fn assert_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let closed = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest));
    drop(closed.await.unwrap());
}

#[tokio::test]
async fn a_connection_that_was_not_used_for_long_is_closed_though_nobody_takes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut wire = wire();
    wire.kept = Kept::new(Duration::ZERO);
    let (first, mut old) = answered(&listener, &wire, WHOLE).await;
    let (second, _new) = answered(&listener, &wire, WHOLE).await;
    assert_eq!(read(first.unwrap()).await.unwrap(), b"ok");
    assert_eq!(read(second.unwrap()).await.unwrap(), b"ok");
    assert_closed(&mut old).await;
}

#[tokio::test]
async fn what_a_provider_sends_unasked_is_never_taken_for_the_next_answer() {
    const UNASKED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = wire();
    // Together with an answer, and once its connection is kept.
    let (answer, _open) = answered(&listener, &wire, &[WHOLE, UNASKED].concat()).await;
    assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
    let (answer, mut open) = answered(&listener, &wire, WHOLE).await;
    assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
    open.write_all(UNASKED.as_bytes()).await.unwrap();
    yield_now().await;
    let (answer, _open) = answered(&listener, &wire, WHOLE).await;
    assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
}

#[tokio::test]
async fn an_answer_before_the_end_of_its_call_leaves_no_connection_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = wire();
    let long = call_to(&listener, 32 * 1024 * 1024);
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 64]).await.unwrap();
        stream.write_all(WHOLE.as_bytes()).await.unwrap();
        stream
    };
    let (early, mut open) = tokio::join!(wire.clone().send(long, NamedBy::Vault), serve);
    assert_eq!(read(early.unwrap()).await.unwrap(), b"ok");
    assert_closed(&mut open).await;
    let (answer, _other) = answered(&listener, &wire, WHOLE).await;
    assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
}

#[tokio::test]
async fn answers_end_where_their_framing_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = wire();
    for (says, hangs_up) in [
        (
            "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nx-debug: sk-aB3dE5gH7jK9\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nok", true),
        ("HTTP/1.0 200 OK\r\n\r\nok", true),
    ] {
        let (answer, open) = answered(&listener, &wire, says).await;
        let open = Some(open).filter(|_| !hangs_up);
        let whole = timeout(Duration::from_secs(5), read(answer.unwrap()));
        assert_eq!(whole.await.unwrap().unwrap(), b"ok", "{says}");
        drop(open);
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sending = Box::pin(wire().send(call_to(&listener, 2), NamedBy::Vault));
    let mut stream = tokio::select! {
        stream = next_call(&listener) => stream,
        _ = &mut sending => panic!("nobody answered"),
    };
    drop(sending);
    assert_closed(&mut stream).await;
}

#[tokio::test]
async fn many_kept_connections_that_were_closed_hold_up_no_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (wire, all_there) = (wire(), Arc::new(Barrier::new(MANY)));
    let calls = (0..MANY).map(|_| wire.clone().send(call_to(&listener, 2), NamedBy::Vault));
    let calls: Vec<_> = calls.collect();
    let mut connections = JoinSet::new();
    let serve = async {
        for _ in 0..MANY {
            let mut stream = next_call(&listener).await;
            let all_there = Arc::clone(&all_there);
            connections.spawn(async move {
                all_there.wait().await;
                stream.write_all(WHOLE.as_bytes()).await.unwrap();
                stream
            });
        }
    };
    let (answers, ()) = tokio::join!(join_all(calls), serve);
    let open = connections.join_all().await;
    for answer in answers {
        assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
    }
    drop(open);
    yield_now().await;

    let (answer, _open) = answered(&listener, &wire, WHOLE).await;
    assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
}

#[test]
fn a_connection_of_a_runtime_that_ended_is_not_used_by_the_next() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let provider = std::thread::spawn(move || {
        let serve = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"xx") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
                heard.extend(byte);
            }
            std::io::Write::write_all(&mut stream, WHOLE.as_bytes()).unwrap();
            stream
        };
        (0..2).map(serve).collect::<Vec<_>>()
    });
    let wire = wire();
    for _ in 0..2 {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let sent = runtime.enable_all().build().unwrap().block_on(async {
            let answer = wire
                .clone()
                .send(call_at(address, 2), NamedBy::Vault)
                .await
                .unwrap();
            read(answer).await.unwrap()
        });
        assert_eq!(sent, b"ok");
    }
    assert_eq!(provider.join().unwrap().len(), 2);
}
