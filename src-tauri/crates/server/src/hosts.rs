//! Which `Host` and `Origin` headers are ours: the defence against pages of other
//! sites, DNS rebinding included.

use std::net::SocketAddr;

/// The rules, made once at start; asking them allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    exact: Vec<String>,
    any_port: bool,
    patterns: Vec<String>,
    origins: Vec<String>,
    tls: bool,
}

const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

impl Hosts {
    /// Rules for a server at `addresses`; without any, a loopback name with any
    /// port is ours.
    pub(crate) fn new(addresses: &[SocketAddr], hosts: &[String], origins: &[String]) -> Self {
        let mut exact = Vec::new();
        for address in addresses {
            exact.extend(LOOPBACK.map(|name| format!("{name}:{}", address.port())));
            if !address.ip().is_unspecified() {
                exact.push(address.to_string());
            }
            if address.port() == 80 {
                exact.extend(LOOPBACK.map(str::to_owned));
            }
        }
        exact.sort();
        exact.dedup();
        let trimmed = |list: &[String]| {
            list.iter().map(|v| v.trim().trim_end_matches('/').to_owned()).collect::<Vec<_>>()
        };
        Self {
            exact,
            any_port: addresses.is_empty(),
            patterns: trimmed(hosts),
            origins: trimmed(origins),
            tls: false,
        }
    }

    /// The same for a server that speaks TLS itself, also under the names of the loopback.
    pub(crate) fn with_tls(self, tls: bool) -> Self {
        Self { tls, ..self }
    }

    /// Whether the `Host` header names this server.
    pub(crate) fn allows(&self, host: &str) -> bool {
        self.exact.iter().any(|own| own.eq_ignore_ascii_case(host))
            || (self.any_port && is_loopback_name(host))
            || self.patterns.iter().any(|pattern| {
                matches(pattern, host)
                    || (!has_port(pattern) && matches(pattern, without_port(host)))
            })
    }

    /// Whether a page of `origin` may change things here, given the `Host` that the
    /// request was sent to.
    pub(crate) fn allows_origin(&self, origin: &str, host: &str) -> bool {
        same_origin(origin, host, self.tls) || self.allows_foreign(origin)
    }

    /// Whether `origin` was allowed by name; such pages get CORS headers.
    pub(crate) fn allows_foreign(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| matches(allowed, origin))
    }
}

/// Whether a `Host` names this machine only.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let name = without_port(host);
    LOOPBACK.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn same_origin(origin: &str, host: &str, tls: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        // Where we speak no TLS, a proxy in front does, under another name.
        "https" if tls || !is_loopback_name(host) => ":443",
        _ => return false,
    };
    let bare = |text: &'_ str| text.strip_suffix(default_port).unwrap_or(text).len();
    authority[..bare(authority)].eq_ignore_ascii_case(&host[..bare(host)])
}

fn has_port(host: &str) -> bool {
    without_port(host).len() != host.len()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if (port == "*" || (!port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())))
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

/// Compares without case, where `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern.eq_ignore_ascii_case(text);
    };
    let starts = text.get(..head.len()).is_some_and(|t| t.eq_ignore_ascii_case(head));
    starts
        && (head.len()..=text.len()).filter_map(|at| text.get(at..)).any(|tail| matches(rest, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, hosts: &[&str], origins: &[&str]) -> Hosts {
        let owned = |list: &[&str]| list.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        Hosts::new(&[address.parse().unwrap()], &owned(hosts), &owned(origins))
    }

    #[test]
    fn loopback_names_with_our_port_are_ours() {
        let hosts = at("127.0.0.1:5005", &[], &[]);
        for own in ["127.0.0.1:5005", "localhost:5005", "LocalHost:5005", "[::1]:5005"] {
            assert!(hosts.allows(own), "{own} is this server");
        }
        for foreign in
            ["localhost", "localhost:5006", "evil.example", "evil.example:5005", "", "::1:5005"]
        {
            assert!(!hosts.allows(foreign), "{foreign} is not this server");
        }
        assert!(at("[::1]:80", &[], &[]).allows("localhost"), "80 goes without saying");
    }

    #[test]
    fn an_address_that_is_listened_at_is_ours() {
        assert!(at("192.168.1.7:5005", &[], &[]).allows("192.168.1.7:5005"));
        assert!(!at("0.0.0.0:5005", &[], &[]).allows("0.0.0.0:5005"));
        assert!(!at("0.0.0.0:5005", &[], &[]).allows("192.168.1.7:5005"));
    }

    #[test]
    fn allowed_hosts_may_hold_stars_and_ports() {
        let hosts = at("0.0.0.0:5005", &["ml.example.org", "10.0.*", "box:8080", "*.lan:*"], &[]);
        for own in ["ml.example.org", "ML.example.org:443", "10.0.3.4:5005", "box:8080", "a.lan:1"]
        {
            assert!(hosts.allows(own), "{own} was allowed");
        }
        for foreign in ["box", "box:8081", "example.org", "xml.example.org", "11.0.0.1:5005"] {
            assert!(!hosts.allows(foreign), "{foreign} was not allowed");
        }
        assert!(at("0.0.0.0:5005", &["*"], &[]).allows("whatever:1"));
    }

    #[test]
    fn a_server_that_speaks_tls_is_of_its_own_origin_on_the_loopback_too() {
        let page = ("https://localhost:5005", "localhost:5005");
        let plain = at("127.0.0.1:5005", &[], &[]);
        assert!(!plain.allows_origin(page.0, page.1));
        let secret = plain.with_tls(true);
        assert!(secret.allows_origin(page.0, page.1));
        assert!(!secret.allows_origin("https://evil.test:5005", page.1));
    }

    #[test]
    fn only_the_same_origin_or_a_named_one_may_write() {
        let hosts = at("127.0.0.1:5005", &[], &["https://app.example", "http://localhost:*"]);
        let host = "127.0.0.1:5005";
        for own in ["http://127.0.0.1:5005", "https://app.example", "http://localhost:5173"] {
            assert!(hosts.allows_origin(own, host), "{own} may write");
        }
        for foreign in [
            "null",
            "https://127.0.0.1:5005",
            "http://127.0.0.1:5006",
            "http://127.0.0.1",
            "https://app.example.evil",
            "file://127.0.0.1:5005",
            "",
        ] {
            assert!(!hosts.allows_origin(foreign, host), "{foreign} may not write");
        }
        assert!(hosts.allows_origin("https://ml.example", "ml.example:443"));
        assert!(hosts.allows_origin("http://ml.example:80", "ml.example"));
    }
}
