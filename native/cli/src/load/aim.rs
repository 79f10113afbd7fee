//! Where requests go.

use core::fmt;
use std::io;

use evenkeel::dns::NameServer;
use evenkeel::{BoxDiscover, DnsHost, DnsSrv, Fixed, Target};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;

use super::usage;

/// A service, and the path of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    service: Service,
    tls: bool,
    pub(crate) path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Service {
    Srv(String),
    Host(Target),
}

/// Reads a URL.
pub(super) fn read(text: &str) -> Result<Aim, String> {
    let schemes = "http://, https://, srv:// or srvs:// stands before it";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("no scheme: {schemes}"))?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    path.parse::<PathAndQuery>().map_err(|error| format!("{path:?} is no path: {error}"))?;
    let (tls, srv) = match scheme {
        "http" => (false, false),
        "https" => (true, false),
        "srv" => (false, true),
        "srvs" => (true, true),
        _ => return Err(format!("{scheme:?} is no scheme here: {schemes}")),
    };
    let service = if srv {
        DnsSrv::new(authority).map_err(|error| error.to_string())?;
        Service::Srv(authority.to_owned())
    } else {
        Service::Host(host(authority, if tls { 443 } else { 80 })?)
    };
    Ok(Aim { service, tls, path })
}

fn host(authority: &str, port: u16) -> Result<Target, String> {
    if authority.contains('@') {
        return Err("a user before the host is not sent: say --header \"Authorization: …\"".into());
    }
    let has_port = authority
        .rsplit(':')
        .next()
        .is_some_and(|end| end.len() < authority.len() && !end.is_empty() && !end.contains(']'));
    let whole = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
    let target: Target = whole.parse().map_err(|error| format!("{whole:?}: {error}"))?;
    if target.socket_addr().is_none() {
        DnsHost::new(target.host(), target.port()).map_err(|error| error.to_string())?;
    }
    Ok(target)
}

/// Reads a header.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it has no colon: \"Name: value\"")?;
    let (name, value) = (name.trim(), value.trim());
    HeaderName::try_from(name).map_err(|error| format!("{name:?}: {error}"))?;
    HeaderValue::try_from(value).map_err(|error| format!("{value:?}: {error}"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Aim {
    pub(super) fn tls(&self) -> bool {
        self.tls
    }

    /// Says that there is nothing.
    pub(super) fn nothing(&self) -> &'static str {
        match self.service {
            Service::Srv(_) => "there are no SRV records of this name",
            Service::Host(_) => "there are no addresses of this name",
        }
    }

    /// Returns where the endpoints are found: asked of these name servers, or else the system's.
    pub(super) fn source(&self, servers: &[NameServer]) -> io::Result<BoxDiscover> {
        macro_rules! asking {
            ($source:expr) => {
                match ($source.map_err(usage)?, servers) {
                    (source, []) => BoxDiscover::new(source),
                    (source, _) => {
                        BoxDiscover::new(source.servers(servers.to_vec()).map_err(usage)?)
                    }
                }
            };
        }
        Ok(match &self.service {
            Service::Srv(name) => asking!(DnsSrv::new(name)),
            Service::Host(target) if target.socket_addr().is_some() => {
                BoxDiscover::new(Fixed::new([target.to_string()]).map_err(usage)?)
            }
            Service::Host(target) => asking!(DnsHost::new(target.host(), target.port())),
        })
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, tls, path } = self;
        match (service, tls) {
            (Service::Srv(name), false) => write!(f, "srv://{name}{path}"),
            (Service::Srv(name), true) => write!(f, "srvs://{name}{path}"),
            (Service::Host(target), false) => write!(f, "http://{target}{path}"),
            (Service::Host(target), true) => write!(f, "https://{target}{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, shown) in [
            ("http://127.0.0.1:8080/users?x=1", "http://127.0.0.1:8080/users?x=1"),
            ("http://web.example", "http://web.example:80/"),
            ("https://web.example?x", "https://web.example:443/?x"),
            ("http://[::1]/", "http://[::1]:80/"),
            ("http://[::1]:9/", "http://[::1]:9/"),
            ("srv://_http._tcp.web.example/v1", "srv://_http._tcp.web.example/v1"),
            ("srvs://_https._tcp.web.example", "srvs://_https._tcp.web.example/"),
        ] {
            assert_eq!(read(text).map(|aim| aim.to_string()).as_deref(), Ok(shown), "{text}");
        }
        let nonsense = ["", "web.example", "ftp://a/", "http://", "http://a:99999/", "http://u@a/"];
        for nonsense in nonsense.into_iter().chain(["http://a/b c", "http://a/\n"]) {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(header("X-A: b:c"), Ok(("X-A".into(), "b:c".into())));
        for nonsense in ["nothing", ": x", "a b: x", "X-A: a\nb", "X-A: \0"] {
            assert!(header(nonsense).is_err(), "{nonsense}");
        }
    }
}
