//! Where an organization may not lead a call: inside, in whatever clothes, now or a moment later.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::net::TcpListener;

use super::*;

/// Who answers nobody, and counts who came.
struct Inside {
    port: u16,
    came: Arc<AtomicUsize>,
}

impl Inside {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&came);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, came }
    }

    /// What comes of a call to this host.
    async fn call(&self, wire: &Wire, host: &str) -> WireError {
        let mut call = Request::new(Full::new(Bytes::new()));
        *call.uri_mut() = format!("https://{host}:{}/v1/chat/completions", self.port)
            .parse()
            .unwrap();
        let answer = wire.clone().send(call, NamedBy::Organization).await;
        answer.map(drop).unwrap_err()
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

/// A wire for which every name leads to these addresses, the first time to the first, and so on.
fn wire_where_names_lead_to(reach: Reach, turns: &[Vec<&str>]) -> Wire {
    let addresses = |turn: &Vec<&str>| -> Vec<SocketAddr> {
        let ips = turn.iter().map(|ip| ip.parse::<IpAddr>().unwrap());
        ips.map(|ip| SocketAddr::new(ip, 0)).collect()
    };
    let turns: Vec<_> = turns.iter().map(addresses).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let names = CheckedNames::by(reach, move |_| {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(turns.len() - 1);
        let found = turns.get(turn).cloned();
        async move { found.ok_or_else(|| io::Error::other("no turn")) }
    });
    Wire::with_names(Duration::from_secs(5), reach, names).unwrap()
}

fn is_refused(error: &WireError) -> bool {
    let text = format!("{error:?}");
    matches!(error, WireError::Connect(_)) && text.contains("Internal")
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    let inside = Inside::start().await;
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
    ] {
        let wire = wire_where_names_lead_to(Reach::Internet, &[vec![address]]);
        let error = inside.call(&wire, "llm.acme.example").await;
        assert!(is_refused(&error), "{address}: {error:?}");
        assert!(!error.may_have_been_sent());
    }
    assert_eq!(inside.came(), 0);
    // The same name may be connected to where this machine is in reach: then TLS is what fails.
    let near = wire_where_names_lead_to(Reach::InternetAndThisMachine, &[vec!["127.0.0.1"]]);
    let error = timeout(
        Duration::from_millis(500),
        inside.call(&near, "llm.acme.example"),
    );
    drop(error.await);
    assert_eq!(inside.came(), 1);
}

#[tokio::test]
async fn a_name_that_leads_inside_later_is_refused_later() {
    let machine = Inside::start().await;
    let turns = [vec!["127.0.0.1"], vec!["10.0.0.1"]];
    let wire = wire_where_names_lead_to(Reach::InternetAndThisMachine, &turns);
    let first = timeout(
        Duration::from_millis(500),
        machine.call(&wire, "llm.acme.example"),
    );
    drop(first.await);
    assert_eq!(machine.came(), 1);
    let error = machine.call(&wire, "llm.acme.example").await;
    assert!(is_refused(&error), "{error:?}");
}

#[tokio::test]
async fn an_address_in_digits_that_leads_inside_is_not_connected_to() {
    let inside = Inside::start().await;
    let wire = Wire::new(Duration::from_secs(5), Reach::Internet).unwrap();
    for host in [
        "127.0.0.1",
        "10.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "2130706433",
        "0x7f.1",
        "localhost",
    ] {
        let error = inside.call(&wire, host).await;
        assert!(
            matches!(error, WireError::NotOutside(_) | WireError::Address),
            "{host}: {error:?}"
        );
    }
    assert_eq!(inside.came(), 0);
}

#[tokio::test]
async fn what_an_organization_names_is_asked_over_tls_alone() {
    let wire = Wire::new(Duration::from_secs(5), Reach::Internet).unwrap();
    let mut call = Request::new(Full::new(Bytes::new()));
    *call.uri_mut() = "http://llm.acme.example/v1".parse().unwrap();
    let refused = wire.send(call, NamedBy::Organization).await;
    let refusal = refused.map(drop).unwrap_err();
    let not_https = WireError::NotOutside(AddressRefusal::NotHttps);
    assert_eq!(refusal.to_string(), not_https.to_string());
}
