//! Which addresses may be asked. They are text that somebody outside typed, so asking one must not
//! become a way into our own network (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// How far requests may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// `https` to public addresses.
    Internet,
    /// That, and anything on this machine. For development.
    InternetAndThisMachine,
}

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefusal {
    /// Anybody on the way could read and change the answer.
    #[error("the address must begin with https://")]
    NotHttps,
    /// It names no host.
    #[error("the address must name a host")]
    NoHost,
    /// It leads into a private network or to this machine.
    #[error("the address is not a public one")]
    Internal,
}

impl Reach {
    /// The reach of a vault in production, or on a developer's machine.
    #[must_use]
    pub const fn fitting(production: bool) -> Self {
        if production {
            Self::Internet
        } else {
            Self::InternetAndThisMachine
        }
    }

    /// Whether a URL may be asked, as far as its text tells. What a name resolves to is checked
    /// when it is resolved.
    ///
    /// # Errors
    /// Names the rule it breaks.
    pub fn check(self, url: &Url) -> Result<(), AddressRefusal> {
        let address = match url.host() {
            None => return Err(AddressRefusal::NoHost),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
        };
        let here = address.is_some_and(|address| address.is_loopback())
            || url.host_str() == Some("localhost");
        match url.scheme() {
            "https" => {}
            "http" if here && self == Self::InternetAndThisMachine => return Ok(()),
            _ => return Err(AddressRefusal::NotHttps),
        }
        match address {
            Some(address) if !self.allows(address) => Err(AddressRefusal::Internal),
            None if here && self == Self::Internet => Err(AddressRefusal::Internal),
            _ => Ok(()),
        }
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        is_public(address) || (self == Self::InternetAndThisMachine && address.is_loopback())
    }
}

/// Whether an address is none of the special-purpose ones of RFC 6890.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(w, x, y, z))
    };
    match [a, b, c, d, e, f] {
        // IPv4 in other clothes: mapped, translated (RFC 6052), 6to4.
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x2002, ..] => v4(b, c),
        // Only 2000::/3 is given out, without Teredo, benchmarks, ORCHID and documentation.
        [0x2001, 0..0x200, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reach: Reach, url: &str) -> Result<(), AddressRefusal> {
        reach.check(&url.parse().unwrap())
    }

    #[test]
    fn production_asks_public_addresses_over_tls_only() {
        for bad in [
            "http://id.example",
            "http://127.0.0.1:9",
            "https://127.0.0.1",
            "https://localhost",
            "https://10.0.0.1",
            "https://192.168.1.1",
            "https://169.254.169.254/latest",
            "https://0.0.0.0",
            "https://[::1]",
            "https://[fd00::1]",
            "https://[fe80::1]",
            "https://[::ffff:10.0.0.1]",
            "https://2130706433",
            "https://0x7f.1",
            "ftp://id.example",
            "file:///etc/passwd",
        ] {
            assert!(check(Reach::Internet, bad).is_err(), "{bad}");
        }
        for good in [
            "https://id.example",
            "https://id.example:8443/x",
            "https://8.8.8.8",
            "https://[2606:4700::1]",
        ] {
            assert_eq!(check(Reach::Internet, good), Ok(()), "{good}");
        }
    }

    #[test]
    fn development_may_also_ask_this_machine_and_nothing_else_inside() {
        let reach = Reach::InternetAndThisMachine;
        for good in [
            "http://127.0.0.1:15001",
            "http://localhost:1/x",
            "http://[::1]:2",
            "https://id.example",
        ] {
            assert_eq!(check(reach, good), Ok(()), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "https://10.0.0.1",
            "http://id.example",
            "https://169.254.169.254",
            "javascript:alert(1)",
        ] {
            assert!(check(reach, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn special_addresses_are_not_public() {
        for bad in [
            "0.1.2.3",
            "100.64.0.1",
            "127.0.0.53",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::a00:1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "100::1",
        ] {
            assert!(!is_public(bad.parse().unwrap()), "{bad}");
        }
        for good in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2002:808:808::",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(good.parse().unwrap()), "{good}");
        }
    }
}
