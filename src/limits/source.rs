//! Which address a request is from. Pure.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

/// Tells the address of a client behind proxies. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Source {
    trusted: Arc<[IpNet]>,
}

impl Source {
    #[must_use]
    pub fn new(trusted: &[IpNet]) -> Self {
        Self { trusted: trusted.into() }
    }

    /// Whether the peer only passes on what others ask.
    #[must_use]
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|network| network.contains(&peer))
    }

    /// The client: the peer, unless that is a proxy which is trusted. Then the last address of `X-Forwarded-For` that is not of
    /// such a proxy itself: what stands before it was written by whoever wanted to.
    #[must_use]
    pub fn client<'a>(&self, peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        if !self.is_proxy(peer) {
            return peer;
        }
        let mut client = peer;
        let hops = forwarded_for.rev().flat_map(|header| header.rsplit(','));
        for hop in hops {
            let Some(address) = parse(hop.trim()) else { return client };
            client = address;
            if !self.is_proxy(address) {
                return client;
            }
        }
        client
    }
}

/// Some proxies add the port.
fn parse(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().ok().or_else(|| Some(hop.parse::<std::net::SocketAddr>().ok()?.ip()));
    address.or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(peer: &str, forwarded_for: &[&str]) -> String {
        let source = Source::new(&["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        source.client(peer.parse().unwrap(), forwarded_for.iter().copied()).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("::1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_client_makes_up_stands_before_what_the_proxies_write() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "203.0.113.9", "10.0.0.2"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, nonsense, 10.0.0.2"]), "10.0.0.2");
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(header in "[0-9a-f:.,\\[\\] ]{0,60}.{0,20}") {
            let _ = client("10.0.0.1", &[&header]);
        }
    }
}
