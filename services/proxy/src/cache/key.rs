//! Which call is the very same.

use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderMap;
use ids::{GrantId, ProviderKeyId, TenantId};

/// Headers that say how an SDK runs, and nothing of what is asked.
const OF_THE_SDK: &str = "x-stainless-";

/// Everything that makes two calls the same, as it is in the one at hand.
#[derive(Debug, Clone, Copy)]
pub struct Likeness<'c> {
    /// Whose organization.
    pub tenant: TenantId,
    /// Under which grant: never another's.
    pub grant: GrantId,
    /// Whose key would pay.
    pub key: ProviderKeyId,
    /// The grant's bound on a call's tokens, from which the cap of an answer follows.
    pub tokens_per_request: u32,
    /// Who would be asked.
    pub provider: &'c str,
    /// How: `GET` or `POST`.
    pub method: &'c str,
    /// At which address, the query with it; no credential is in it.
    pub url: &'c str,
    /// With which headers, of which those count that may change an answer.
    pub forwarded: &'c HeaderMap,
    /// What kind of body.
    pub content_type: &'c [u8],
    /// With which body, to the last byte.
    pub body: &'c [u8],
}

/// The digest of a [`Likeness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl Likeness<'_> {
    /// The digest: SHA-256 of all parts, each behind its length, so that none runs into the next.
    #[must_use]
    pub fn key(&self) -> CacheKey {
        let mut digest = Context::new(&SHA256);
        add(&mut digest, self.tenant.uuid().as_bytes());
        add(&mut digest, self.grant.uuid().as_bytes());
        add(&mut digest, self.key.uuid().as_bytes());
        add(&mut digest, &self.tokens_per_request.to_be_bytes());
        for text in [self.provider, self.method, self.url] {
            add(&mut digest, text.as_bytes());
        }
        add(&mut digest, self.content_type);
        let headers = self.headers();
        count(&mut digest, headers.len());
        for (name, value) in headers {
            add(&mut digest, name.as_bytes());
            add(&mut digest, value);
        }
        add(&mut digest, self.body);
        let mut key = [0; 32];
        key.copy_from_slice(digest.finish().as_ref());
        CacheKey(key)
    }

    /// By name; those of one name as they were sent.
    fn headers(&self) -> Vec<(&str, &[u8])> {
        let all = self.forwarded.iter();
        let mut all: Vec<_> = all
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .filter(|(name, _)| !name.starts_with(OF_THE_SDK))
            .collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}

fn add(digest: &mut Context, part: &[u8]) {
    count(digest, part.len());
    digest.update(part);
}

fn count(digest: &mut Context, length: usize) {
    digest.update(&(length as u64).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// The parts of a likeness, from few letters, so that two are often alike in most of them.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Parts {
        ids: [u8; 3],
        tokens: u32,
        texts: [String; 4],
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    }

    fn few() -> impl Strategy<Value = String> {
        "[ab]{0,2}"
    }

    fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::vec(("[ab]{1,2}", few()), 0..3).prop_map(|mut headers| {
            headers.sort_by(|(one, _), (other, _)| one.cmp(other));
            headers
        })
    }

    prop_compose! {
        fn parts()(
            ids in [0_u8..2, 0_u8..2, 0_u8..2],
            tokens in 0_u32..2,
            texts in [few(), few(), few(), few()],
            headers in headers(),
            body in prop::collection::vec(any::<u8>(), 0..3),
        ) -> Parts {
            Parts { ids, tokens, texts, headers, body }
        }
    }

    fn key(parts: &Parts) -> CacheKey {
        let [tenant, grant, key] = parts.ids.map(|id| Uuid::from_bytes([id; 16]));
        let [provider, method, url, content_type] = &parts.texts;
        let mut forwarded = HeaderMap::new();
        for (name, value) in &parts.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            forwarded.append(name, HeaderValue::from_str(value).unwrap());
        }
        Likeness {
            tenant: TenantId::from_uuid(tenant),
            grant: GrantId::from_uuid(grant),
            key: ProviderKeyId::from_uuid(key),
            tokens_per_request: parts.tokens,
            provider,
            method,
            url,
            forwarded: &forwarded,
            content_type: content_type.as_bytes(),
            body: &parts.body,
        }
        .key()
    }

    /// The same bytes in a row, cut elsewhere.
    fn cut_elsewhere(parts: &Parts) -> Parts {
        let mut moved = parts.clone();
        let [provider, method, ..] = &mut moved.texts;
        match provider.pop() {
            Some(last) => method.insert(0, last),
            None => provider.push('a'),
        }
        moved
    }

    proptest! {
        #[test]
        fn any_difference_in_any_part_is_another_key(one in parts(), other in parts()) {
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }

        #[test]
        fn one_changed_part_is_another_key(
            parts in parts(), which in 0_usize..10, letter in "[c-z]",
        ) {
            let mut changed = parts.clone();
            match which {
                at @ 0..3 => changed.ids[at] += 1,
                3 => changed.tokens += 1,
                at @ 4..8 => changed.texts[at - 4].push_str(&letter),
                8 => changed.headers.push((letter, String::new())),
                _ => changed.body.push(0),
            }
            prop_assert_ne!(key(&parts), key(&changed));
        }

        #[test]
        fn parts_do_not_run_into_each_other(parts in parts()) {
            prop_assert_ne!(key(&parts), key(&cut_elsewhere(&parts)));
        }
    }

    #[test]
    fn the_order_of_headers_and_the_state_of_an_sdk_make_no_difference() {
        let parts = |headers: &[(&str, &str)]| Parts {
            ids: [0; 3],
            tokens: 0,
            texts: Default::default(),
            headers: (headers.iter())
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Vec::new(),
        };
        let plain = key(&parts(&[("accept", "a"), ("anthropic-beta", "b")]));
        let turned = key(&parts(&[("anthropic-beta", "b"), ("accept", "a")]));
        let retried = key(&parts(&[
            ("accept", "a"),
            ("anthropic-beta", "b"),
            ("x-stainless-retry-count", "1"),
        ]));
        assert_eq!([turned, retried], [plain; 2]);
        let other = key(&parts(&[("accept", "a"), ("anthropic-beta", "c")]));
        assert_ne!(plain, other);
    }
}
