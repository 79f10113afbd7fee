//! Names as the user writes them: checking, and the search list.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::Name;

use super::settings_error::DnsError;

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Checks a name and reads it; it is relative unless it ends in a dot.
pub(super) fn parse(name: &str) -> Result<Name, DnsError> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    if bare.is_empty() {
        return Err(DnsError::EmptyName);
    }
    if bare.len() > MAX_NAME {
        return Err(DnsError::NameTooLong { name: name.into() });
    }
    if let Some(found) = bare.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c))) {
        return Err(DnsError::BadCharacter { name: name.into(), found });
    }
    for label in bare.split('.') {
        if label.is_empty() {
            return Err(DnsError::EmptyLabel { name: name.into() });
        }
        if label.len() > MAX_LABEL {
            return Err(DnsError::LabelTooLong { label: label.into() });
        }
    }
    let mut parsed = Name::from_labels(bare.split('.').map(str::as_bytes))
        .map_err(|_| DnsError::NameTooLong { name: name.into() })?;
    parsed.set_fqdn(name.ends_with('.'));
    Ok(parsed)
}

/// Lists the absolute names to ask for `name`, in order, as resolv.conf(5) has it: with at least
/// `ndots` dots the name itself comes first, else last.
pub(super) fn candidates(name: &Name, search: &[Name], ndots: usize) -> Vec<Name> {
    let mut absolute = name.clone();
    absolute.set_fqdn(true);
    if name.is_fqdn() || !unasked(&host(name)).is_empty() {
        return vec![absolute];
    }
    // A domain that makes the name too long cannot hold it.
    let mut names: Vec<Name> =
        search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).collect();
    let dots = usize::from(name.num_labels()).saturating_sub(1);
    let place = if dots >= ndots { 0 } else { names.len() };
    names.insert(place, absolute);
    names
}

/// Returns the addresses of a host that nobody is asked for: an IP address, and `localhost`
/// (RFC 6761 §6.3).
pub(super) fn unasked(host: &str) -> Vec<IpAddr> {
    if let Ok(ip) = host.parse() {
        return vec![ip];
    }
    if host == "localhost" || host.ends_with(".localhost") {
        return vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    }
    Vec::new()
}

/// Writes a name as endpoints carry it: lower case, without the trailing dot; the root stays ".".
pub(super) fn host(name: &Name) -> String {
    if name.is_root() {
        return ".".into();
    }
    let mut host = name.to_lowercase().to_ascii();
    if host.ends_with('.') {
        host.pop();
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, ndots: usize) -> Vec<String> {
        let search = [parse("ns.svc.cluster.local.").unwrap(), parse("example.com.").unwrap()];
        candidates(&parse(name).unwrap(), &search, ndots).iter().map(host).collect()
    }

    #[test]
    fn good_names() {
        for name in [
            "_http._tcp.web.example.com",
            "_http._tcp.web.example.com.",
            "_http._tcp",
            "web",
            "a.B-c.xn--bcher-kva.example",
        ] {
            assert!(parse(name).is_ok(), "{name}");
        }
        assert!(parse(&format!("{}.com", "a".repeat(63))).is_ok());
        assert!(
            parse(&format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61))).is_ok(),
            "253 bytes"
        );
    }

    #[test]
    fn bad_names_are_named_in_the_error() {
        let long_label = "a".repeat(64);
        let long_name = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(62));
        let allowed = "only letters, digits, '-' and '_' are allowed";
        for (name, message) in [
            ("", "the DNS name is empty".to_owned()),
            (".", "the DNS name is empty".into()),
            ("a..b", r#"the DNS name "a..b" has an empty label"#.into()),
            (".a", r#"the DNS name ".a" has an empty label"#.into()),
            (&long_label, format!("the DNS label {long_label:?} has 64 bytes, the limit is 63")),
            (&long_name, format!("the DNS name {long_name:?} has 254 bytes, the limit is 253")),
            ("bücher.example", format!(r#"the DNS name "bücher.example" has 'ü': {allowed}"#)),
            ("a b", format!(r#"the DNS name "a b" has ' ': {allowed}"#)),
        ] {
            assert_eq!(parse(name).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn search_list() {
        assert_eq!(asked("_h._t.web.", 5), ["_h._t.web"]);
        assert_eq!(
            asked("_h._t.web", 1),
            ["_h._t.web", "_h._t.web.ns.svc.cluster.local", "_h._t.web.example.com"]
        );
        assert_eq!(
            asked("_h._t.web", 5),
            ["_h._t.web.ns.svc.cluster.local", "_h._t.web.example.com", "_h._t.web"]
        );
    }

    #[test]
    fn hosts_are_lower_case_without_the_dot() {
        assert_eq!(host(&parse("Web-1.Example.COM.").unwrap()), "web-1.example.com");
        assert_eq!(host(&Name::root()), ".");
    }
}
