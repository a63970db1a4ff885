//! How often one address may ask.

use std::{net::SocketAddr, num::NonZeroU32};

use actix_web::{HttpResponse, test::TestRequest, web};
use clock::Clock;
use postgres::{DatabaseSettings, Postgres};
use server::{RateLimit, ServerSettings, Site, Surface};
use sessions::Sessions;

use crate::world::{Answer, ask, serve_routes, settings};

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

fn surface(settings: &ServerSettings) -> Surface {
    let url = "postgres://nobody@127.0.0.1:9/nowhere".to_owned();
    let postgres = Postgres::connect(&DatabaseSettings {
        url,
        connections: 1,
    })
    .unwrap();
    Surface::new(Site::new(
        settings,
        Sessions::new(postgres, Clock::system()),
    ))
}

/// The answers to one request from each of these, in order.
async fn answers(settings: ServerSettings, callers: &[(&str, Option<&str>)]) -> Vec<Answer> {
    let limit = RateLimit::per_minute("test", TWO);
    let app = serve_routes(surface(&settings), move |config| {
        let answer = web::get().to(|| async { HttpResponse::NoContent().finish() });
        config.service(web::scope("/limited").wrap(limit.clone()).route("", answer));
    });
    let mut answers = Vec::new();
    for (address, forwarded) in callers {
        let peer: SocketAddr = format!("{address}:50000").parse().unwrap();
        let mut request = TestRequest::get().uri("/limited").peer_addr(peer);
        if let Some(forwarded) = forwarded {
            request = request.insert_header(("x-forwarded-for", *forwarded));
        }
        answers.push(ask(&app, request).await);
    }
    answers
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

#[actix_web::test]
async fn an_address_that_asks_too_often_is_told_when_to_come_back() {
    let callers = [
        ("192.0.2.1", None),
        ("192.0.2.1", None),
        ("192.0.2.1", None),
        ("192.0.2.2", None),
    ];
    let answers = answers(settings(), &callers).await;
    assert_eq!(statuses(&answers), [204, 204, 429, 204]);
    assert_eq!(answers[2].problem(), "too-many-requests");
    let wait: u64 = answers[2].header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(!answers[2].header("x-request-id").is_empty());
}

#[actix_web::test]
async fn a_forwarded_address_is_believed_from_a_gateway_alone() {
    let made_up = [
        ("192.0.2.1", Some("203.0.113.1")),
        ("192.0.2.1", Some("203.0.113.2")),
        ("192.0.2.1", Some("203.0.113.3")),
    ];
    assert_eq!(
        statuses(&answers(settings(), &made_up).await),
        [204, 204, 429]
    );

    let behind = ServerSettings {
        gateways: vec!["192.0.2.1".parse().unwrap()],
        ..settings()
    };
    // The caller may send any list; the gateway appends the true address.
    let forwarded = [
        ("192.0.2.1", Some("1.1.1.1, 203.0.113.1")),
        ("192.0.2.1", Some("2.2.2.2, 203.0.113.1")),
        ("192.0.2.1", Some("3.3.3.3, 203.0.113.1")),
        ("192.0.2.1", Some("203.0.113.1, 203.0.113.9")),
    ];
    assert_eq!(
        statuses(&answers(behind, &forwarded).await),
        [204, 204, 429, 204]
    );
}
