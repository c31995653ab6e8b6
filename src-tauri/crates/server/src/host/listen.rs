//! Binding: both loopback addresses or none of them, so that `localhost` reaches
//! us whichever way a client resolves it.

use super::HostError;
use crate::platform;
use branchline_core::{Error, ErrorCode};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

/// Ports after the wanted one that a fallback tries before it takes any free one.
const NEIGHBOURS: u16 = 20;
/// How often a free port is asked for that is free on every address.
const ATTEMPTS: usize = 16;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    addresses: Vec<IpAddr>,
}

impl Place {
    /// Finds the addresses that `host` stands for. Any name of this machine's
    /// loopback stands for both protocols.
    pub(super) async fn find(host: &str) -> Result<Self, HostError> {
        let host = host.trim();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if bare.eq_ignore_ascii_case("localhost") {
            return Ok(Self::loopback().await);
        }
        let addresses = match bare.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => return Ok(Self::loopback().await),
            Ok(address) => vec![address],
            Err(_) => resolve(bare).await?,
        };
        Ok(Self { addresses })
    }

    async fn loopback() -> Self {
        let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
        // A machine without IPv6 cannot bind it at any port.
        if TcpListener::bind((v6, 0)).await.is_ok() {
            addresses.push(v6);
        }
        Self { addresses }
    }

    /// Whether only this machine can connect.
    pub(super) fn is_loopback(&self) -> bool {
        self.addresses.iter().all(IpAddr::is_loopback)
    }

    /// The URL under which this machine reaches a server at `port`.
    pub(super) fn url(&self, port: u16) -> String {
        let address = self.addresses.first().copied().filter(|address| !address.is_unspecified());
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        format!("http://{}", SocketAddr::new(address, port))
    }

    /// Listens at every address with the same port.
    pub(super) async fn listen(
        &self,
        port: u16,
        fallback: bool,
    ) -> Result<(Vec<TcpListener>, u16), HostError> {
        let refused = match self.try_listen(port).await {
            Err(refused @ HostError::PortTaken { .. }) if fallback => refused,
            outcome => return outcome,
        };
        tracing::warn!("{refused}: looking for a free one");
        for neighbour in (1..=NEIGHBOURS).filter_map(|step| port.checked_add(step)) {
            if let Ok(found) = self.bind_all(neighbour).await {
                return Ok(found);
            }
        }
        self.try_listen(0).await
    }

    async fn try_listen(&self, port: u16) -> Result<(Vec<TcpListener>, u16), HostError> {
        let attempts = if port == 0 { ATTEMPTS } else { 1 };
        let mut last = None;
        for _ in 0..attempts {
            match self.bind_all(port).await {
                Ok(found) => return Ok(found),
                Err((address, cause)) if cause.kind() == io::ErrorKind::AddrInUse => {
                    last = Some(address);
                }
                Err((address, cause)) => return Err(cannot(address, cause).into()),
            }
        }
        let address = last.unwrap_or(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
        Err(HostError::PortTaken { address, holder: platform::port_holder(address.port()) })
    }

    async fn bind_all(
        &self,
        mut port: u16,
    ) -> Result<(Vec<TcpListener>, u16), (SocketAddr, io::Error)> {
        let mut listeners = Vec::with_capacity(self.addresses.len());
        for ip in &self.addresses {
            let address = SocketAddr::new(*ip, port);
            if port != 0 && platform::is_shadowed(address) {
                return Err((address, io::ErrorKind::AddrInUse.into()));
            }
            let listener = TcpListener::bind(address).await.map_err(|cause| (address, cause))?;
            port = listener.local_addr().map_err(|cause| (address, cause))?.port();
            listeners.push(listener);
        }
        Ok((listeners, port))
    }
}

async fn resolve(host: &str) -> Result<Vec<IpAddr>, HostError> {
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|cause| {
        Error::invalid(format!("Cannot listen on '{host}': there is no such address."))
            .hint("Use 127.0.0.1 for this machine only, or 0.0.0.0 for every network.")
            .source(cause)
    })?;
    let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}

fn cannot(address: SocketAddr, cause: io::Error) -> Error {
    let (code, hint) = match cause.kind() {
        io::ErrorKind::PermissionDenied => {
            (ErrorCode::PermissionDenied, "Ports below 1024 need rights: take a higher one.")
        }
        io::ErrorKind::AddrNotAvailable => {
            (ErrorCode::InvalidParameterValue, "That address is not one of this machine's.")
        }
        _ => (ErrorCode::Internal, "Use 127.0.0.1 for this machine only."),
    };
    Error::new(code, format!("Cannot listen at {address}: {cause}.")).hint(hint).source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_name_of_the_loopback_is_both_protocols() {
        let place = Place::find("127.0.0.1").await.unwrap();
        assert_eq!(place, Place::find("localhost").await.unwrap());
        assert_eq!(place, Place::find("[::1]").await.unwrap());
        assert!(place.is_loopback());
        assert_eq!(place.url(5005), "http://127.0.0.1:5005");
        let (listeners, port) = place.listen(0, false).await.unwrap();
        assert_eq!(listeners.len(), place.addresses.len());
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap().port(), port, "one port for all");
        }
    }

    #[tokio::test]
    async fn an_open_address_is_reached_over_the_loopback() {
        let place = Place::find("0.0.0.0").await.unwrap();
        assert!(!place.is_loopback());
        assert_eq!(place.url(80), "http://127.0.0.1:80");
        let v6 = Place { addresses: vec!["fe80::1".parse().unwrap()] };
        assert_eq!(v6.url(5005), "http://[fe80::1]:5005");
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_or_avoided() {
        let place = Place::find("127.0.0.1").await.unwrap();
        for holder in &place.addresses {
            let held = TcpListener::bind((*holder, 0)).await.unwrap();
            let port = held.local_addr().unwrap().port();
            let error = place.listen(port, false).await.unwrap_err();
            let HostError::PortTaken { address, .. } = &error else { panic!("{error}") };
            assert_eq!(address.port(), port, "one taken address is enough");
            let (_listeners, other) = place.listen(port, true).await.unwrap();
            assert_ne!(other, port);
        }
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_no_taken_port() {
        let error = Place::find("192.0.2.1").await.unwrap().listen(0, true).await.unwrap_err();
        let HostError::Failed(error) = error else { panic!("{error}") };
        assert!(error.message.contains("192.0.2.1"), "{}", error.message);
    }
}
