//! Headers that keep a browser from being used against the person in front of it.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use url::{Origin, Url};

/// Where else the forms of one page may lead, beyond this origin: put into the response's
/// extensions by [`FormTarget::allow`].
///
/// Browsers hold a form to `form-action` through redirects too, so a page whose form ends in a
/// redirect to an app must name that app's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormTarget(String);

impl FormTarget {
    /// Lets the forms of this page lead to the origin of a *validated* redirect URI, or to its
    /// scheme when it is a native app's own.
    pub fn allow(response: &mut HttpResponse, redirect_uri: &Url) {
        let source = match redirect_uri.origin() {
            origin @ Origin::Tuple(..) => origin.ascii_serialization(),
            Origin::Opaque(_) => format!("{}:", redirect_uri.scheme()),
        };
        response.extensions_mut().insert(Self(source));
    }
}

const BASE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                           img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                           frame-ancestors 'none'; form-action 'self'";
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Lets one page keep the window that opened it, which is of another origin: the page answers it.
///
/// Everywhere else `same-origin` cuts that tie. Any other value on this page would cut it too
/// (HTML section 7.1.3): `same-origin-allow-popups` is for the page that opens. What the opener
/// gets is a handle to close or to leave this window, and messages that the page's own script has
/// to answer; never the page's content.
pub fn keep_opener(response: &mut HttpResponse) {
    let value = HeaderValue::from_static("unsafe-none");
    response.headers_mut().insert(OPENER_POLICY, value);
}

/// Adds what is missing; a handler that set a header itself knows better.
pub(crate) fn secure(headers: &mut HeaderMap, target: Option<&FormTarget>, https: bool) {
    let add = |headers: &mut HeaderMap, name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    let fixed = HeaderValue::from_static;
    add(headers, header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    if https {
        add(headers, header::STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
    if !is_html(headers) {
        return;
    }
    add(headers, header::CONTENT_SECURITY_POLICY, policy(target));
    add(headers, header::X_FRAME_OPTIONS, fixed("DENY"));
    add(headers, header::REFERRER_POLICY, fixed("no-referrer"));
    add(headers, OPENER_POLICY, fixed("same-origin"));
    add(headers, header::CACHE_CONTROL, fixed("no-store"));
}

fn is_html(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|value| value.starts_with(b"text/html"))
}

fn policy(target: Option<&FormTarget>) -> HeaderValue {
    let Some(FormTarget(source)) = target else {
        return HeaderValue::from_static(BASE_POLICY);
    };
    // An origin's ASCII form or a scheme always fits a header; if not, the stricter policy stands.
    HeaderValue::from_str(&format!("{BASE_POLICY} {source}"))
        .unwrap_or(HeaderValue::from_static(BASE_POLICY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy_with(redirect_uri: &str) -> String {
        let mut response = HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .finish();
        FormTarget::allow(&mut response, &redirect_uri.parse().unwrap());
        let target = response.extensions().get::<FormTarget>().cloned();
        secure(response.headers_mut(), target.as_ref(), true);
        response
            .headers()
            .get("content-security-policy")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn one_page_may_name_the_origin_its_form_ends_at() {
        let to_app = policy_with("https://app.example/callback?state=1#x");
        assert!(
            to_app.ends_with("form-action 'self' https://app.example"),
            "{to_app}"
        );
        let to_loopback = policy_with("http://127.0.0.1:9999/cb");
        assert!(
            to_loopback.ends_with("form-action 'self' http://127.0.0.1:9999"),
            "{to_loopback}"
        );
        let to_native = policy_with("com.example.app:/cb");
        assert!(
            to_native.ends_with("form-action 'self' com.example.app:"),
            "{to_native}"
        );
    }

    #[test]
    fn a_redirect_uri_adds_no_directive_of_its_own() {
        let policy = policy_with("https://a.example/;script-src%20*; script-src *");
        assert!(
            policy.ends_with("form-action 'self' https://a.example"),
            "{policy}"
        );
    }

    #[test]
    fn json_gets_the_general_headers_only() {
        let mut response = HttpResponse::Ok().content_type("application/json").finish();
        secure(response.headers_mut(), None, false);
        assert_eq!(
            response.headers().get("x-content-type-options").unwrap(),
            "nosniff"
        );
        assert!(!response.headers().contains_key("content-security-policy"));
        assert!(!response.headers().contains_key("strict-transport-security"));
    }

    #[test]
    fn only_a_page_that_says_so_keeps_its_opener() {
        let page = || HttpResponse::Ok().content_type("text/html").finish();
        let policy = |mut response: HttpResponse| {
            secure(response.headers_mut(), None, false);
            let value = response.headers().get("cross-origin-opener-policy");
            value.unwrap().to_str().unwrap().to_owned()
        };
        let mut popup = page();
        keep_opener(&mut popup);
        assert_eq!(
            (policy(page()), policy(popup)),
            ("same-origin".to_owned(), "unsafe-none".to_owned())
        );
    }

    #[test]
    fn what_a_handler_set_stays() {
        let mut response = HttpResponse::Ok()
            .content_type("text/html")
            .insert_header(("cache-control", "private"))
            .finish();
        secure(response.headers_mut(), None, false);
        assert_eq!(response.headers().get("cache-control").unwrap(), "private");
    }
}
