//! Client ids that are addresses, and documents, of every wrong kind.

use serde_json::{Value, json};

use super::*;

const ID: &str = "https://app.test/client.json";

fn parse(text: &str) -> Result<DocumentUrl, &'static str> {
    DocumentUrl::parse(text, Reach::Internet)
}

#[test]
fn a_client_id_is_an_https_address_in_its_one_spelling() {
    for good in [
        ID,
        "https://app.test/",
        "https://app.test:8443/oauth/client",
        "https://app.test/c?v=1",
        "https://xn--bcher-kva.example/c",
        "https://8.8.8.8/c",
    ] {
        assert_eq!(
            parse(good).map(|url| url.as_str().to_owned()),
            Ok(good.to_owned())
        );
    }
    let long = format!("https://app.test/{}", "x".repeat(2_048));
    for bad in [
        "http://app.test/c",
        "HTTPS://app.test/c",
        "https://APP.test/c",
        "https://app.test",
        "https://app.test?x=/",
        "https://app.test:443/c",
        "https://app.test/a/../c",
        "https://app.test/./c",
        "https://app.test/%2e%2e/c",
        "https://app.test/c#x",
        "https://app.test/c#",
        "https://user@app.test/c",
        "https://@app.test/c",
        "https://app.test%00.evil.test/c",
        "https://app%2etest/c",
        "https://app.test\\@evil.test/c",
        "https:/app.test/c",
        "https:app.test/c",
        "https://bücher.example/c",
        "https://app.test/c d",
        "https://app.test/c\n",
        "https:///c",
        "ftp://app.test/c",
        "app://x/y",
        long.as_str(),
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_client_id_does_not_lead_inside_in_whatever_digits() {
    for inside in [
        "https://127.0.0.1/c",
        "https://localhost/c",
        "https://10.1.2.3/c",
        "https://172.16.0.1/c",
        "https://192.168.0.1/c",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/c",
        "https://100.64.0.1/c",
        "https://[::1]/c",
        "https://[::]/c",
        "https://[fd00::1]/c",
        "https://[fe80::1]/c",
        "https://[::ffff:10.0.0.1]/c",
        "https://[::ffff:a00:1]/c",
        "https://[64:ff9b::a00:1]/c",
        "https://[2002:7f00:1::]/c",
        "https://2130706433/c",
        "https://017700000001/c",
        "https://0x7f.0.0.1/c",
        "https://127.1/c",
        "https://10.0.0.1./c",
    ] {
        assert!(parse(inside).is_err(), "{inside}");
    }
    // A developer's own machine may be asked by a vault on it, and nothing else inside.
    let here = |text| DocumentUrl::parse(text, Reach::InternetAndThisMachine);
    assert!(here("http://127.0.0.1:8000/c").is_ok());
    assert!(here("http://10.0.0.1/c").is_err() && here("http://app.test/c").is_err());
}

fn read(changes: &Value) -> Result<Registration, MetadataFault> {
    let mut document =
        json!({"client_id": ID, "client_name": "App", "redirect_uris": ["https://app.test/cb"]});
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    let document = document.to_string();
    parse(ID)
        .unwrap()
        .read(document.as_bytes(), Reach::Internet)
}

#[test]
fn a_document_names_its_own_address_and_is_known_by_it() {
    let read_well =
        read(&json!({"client_uri": "https://bank.test", "logo_uri": "https://bank.test/l.png"}));
    assert_eq!(read_well.unwrap().url.as_deref(), Some(ID));
    for other in [
        json!("https://app.test/client.json/"),
        json!("https://app.test/client.json?"),
        json!("https://evil.test/client.json"),
        json!("HTTPS://app.test/client.json"),
        Value::Null,
    ] {
        assert!(read(&json!({"client_id": other})).is_err(), "{other}");
    }
}

#[test]
fn a_document_shares_no_secret_and_sends_nobody_elsewhere() {
    for wrong in [
        json!({"client_secret": "x"}),
        json!({"client_secret_expires_at": 0}),
        json!({"token_endpoint_auth_method": "client_secret_basic"}),
        json!({"token_endpoint_auth_method": "client_secret_post"}),
        json!({"token_endpoint_auth_method": "client_secret_jwt"}),
        json!({"redirect_uris": []}),
        json!({"redirect_uris": ["https://app.test/cb", "https://evil.test/cb"]}),
        json!({"redirect_uris": ["https://app.test:8443/cb"]}),
        json!({"redirect_uris": ["http://127.0.0.1/cb"]}),
        json!({"redirect_uris": ["https://sub.app.test/cb"]}),
        json!({"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]}),
        json!({"redirect_uris": "https://app.test/cb"}),
    ] {
        assert!(read(&wrong).is_err(), "{wrong}");
    }
    let both = json!({"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]});
    assert_eq!(read(&both).unwrap().grant_types, GrantType::code_alone());
}

#[test]
fn a_document_that_says_something_twice_is_none() {
    let twice = format!(
        r#"{{"client_id":"{ID}","client_id":"https://evil.test/","redirect_uris":["https://app.test/cb"]}}"#
    );
    for document in [twice.as_str(), "", "[]", "null", "<html>", "{}"] {
        let read = parse(ID)
            .unwrap()
            .read(document.as_bytes(), Reach::Internet);
        assert!(read.is_err(), "{document}");
    }
}
