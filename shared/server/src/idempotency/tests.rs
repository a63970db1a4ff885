use actix_web::http::header::{HeaderName, HeaderValue};

use super::*;

fn sent(values: &[&str]) -> Result<String, Problem> {
    let mut headers = HeaderMap::new();
    for value in values {
        let name = HeaderName::from_static(IDEMPOTENCY_KEY);
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    key_of(&headers)
}

#[test]
fn a_key_is_a_string_or_its_bare_text() {
    for same in ["8e03978e-40d5", "\"8e03978e-40d5\"", " 8e03978e-40d5 "] {
        assert_eq!(sent(&[same]).as_deref(), Ok("8e03978e-40d5"), "{same}");
    }
    let longest = "k".repeat(LONGEST_KEY);
    assert_eq!(sent(&[&longest]), Ok(longest.clone()));
    let too_long = format!("{longest}k");
    for wrong in ["", "\"\"", "\"", "a b", "a\"b", "a\\b", &too_long] {
        assert!(sent(&[wrong]).is_err(), "{wrong}");
    }
    assert!(sent(&["a", "a"]).is_err());
    assert!(sent(&[]).is_err());
}

#[test]
fn pieces_do_not_run_into_each_other() {
    assert_ne!(digest_of(&[b"ab", b"c"]), digest_of(&[b"a", b"bc"]));
    assert_eq!(digest_of(&[b"ab", b"c"]), digest_of(&[b"ab", b"c"]));
}

#[test]
fn what_holds_a_secret_is_not_stored_and_a_refusal_is() {
    let mut headers = HeaderMap::new();
    assert!(may_be_stored(StatusCode::CREATED, &headers));
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    assert!(!may_be_stored(StatusCode::CREATED, &headers));
    assert!(may_be_stored(StatusCode::NOT_FOUND, &headers));
    assert!(nothing_was_done(StatusCode::SERVICE_UNAVAILABLE));
    assert!(nothing_was_done(StatusCode::TOO_MANY_REQUESTS));
    assert!(!nothing_was_done(StatusCode::CONFLICT));
}
