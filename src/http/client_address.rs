//! Where a request comes from: the peer, or, behind proxies that are trusted, whom they name in `X-Forwarded-For`.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use poem::{Addr, Request};

/// Proxies whose `X-Forwarded-For` is believed. Anybody can send the header; without proxies it is ignored.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: from the peer on, each trusted proxy says who stands behind it, on the right of what that one said.
    pub(super) fn client(&self, request: &Request) -> Option<IpAddr> {
        let Addr::SocketAddr(peer) = request.remote_addr().0 else { return None };
        let headers = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let named: Vec<&str> = headers.flat_map(|value| value.split(',')).collect();
        Some(self.client_behind(peer.ip(), &named))
    }

    fn client_behind(&self, peer: IpAddr, named: &[&str]) -> IpAddr {
        let mut client = peer.to_canonical();
        for name in named.iter().rev() {
            let Ok(behind) = name.trim().parse::<IpAddr>() else { break };
            if !self.trusts(client) {
                break;
            }
            client = behind.to_canonical();
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, named: &[&str]) -> String {
        let networks: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        TrustedProxies::new(&networks).client_behind(peer.parse().unwrap(), named).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client(&[], "10.0.0.1", &["192.0.2.7"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["192.0.2.7"]), "192.0.2.1");
    }

    #[test]
    fn trusted_proxies_name_the_client() {
        let trusted = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(client(&trusted, "10.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&trusted, "::ffff:10.0.0.1", &[" 192.0.2.7 ", "fd00::1", "10.2.3.4"]), "192.0.2.7");
        // What the client itself claims stands on the left.
        assert_eq!(client(&trusted, "10.0.0.1", &["198.51.100.1", "192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["198.51.100.1", "unknown", "10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
    }
}
