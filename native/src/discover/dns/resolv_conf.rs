//! The system's configuration as glibc reads it: resolv.conf(5).

use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use core::time::Duration;

use hickory_proto::rr::Name;

use super::name;

/// glibc's limits (`resolv.h`): so many servers, so many seconds, rounds and dots.
const MAX_SERVERS: usize = 3;
const MAX_TIMEOUT: u64 = 30;
const MAX_ATTEMPTS: usize = 5;
const MAX_DOTS: usize = 15;

const PORT: u16 = 53;

/// What a resolv.conf says, with glibc's defaults for what it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResolvConf {
    pub(super) servers: Vec<SocketAddr>,
    /// Without what of it cannot be read.
    pub(super) search: Option<Vec<Name>>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
    pub(super) attempts: usize,
    pub(super) rotate: bool,
    pub(super) use_vc: bool,
    pub(super) no_aaaa: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            search: None,
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_vc: false,
            no_aaaa: false,
        }
    }
}

impl ResolvConf {
    /// Reads the text. Nothing in it is an error: what cannot be read is skipped, and without a
    /// name server it is the one of this machine.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let server = words.next().and_then(server);
                    conf.servers.extend(server.filter(|_| conf.servers.len() < MAX_SERVERS));
                }
                // The last of either counts.
                Some("search") => conf.list(words),
                Some("domain") => conf.list(words.take(1)),
                Some("options") => words.for_each(|word| conf.option(word)),
                Some(_) | None => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        conf
    }

    /// Heeds the environment's `LOCALDOMAIN`, which replaces the search list, and `RES_OPTIONS`,
    /// which come after those of the file. Where neither the file nor the environment has a search
    /// list, it is the domain of the machine's own name.
    #[cfg(any(unix, test))]
    pub(super) fn amended(
        mut self,
        local_domain: Option<&str>,
        options: Option<&str>,
        hostname: Option<&str>,
    ) -> Self {
        if let Some(domains) = local_domain {
            self.search = Some(domains.split_whitespace().filter_map(domain).collect());
        } else if self.search.is_none() {
            let own = hostname.and_then(|name| name.trim().split_once('.'));
            self.search = own.and_then(|(_, own)| domain(own)).map(|own| vec![own]);
        }
        options.unwrap_or_default().split_whitespace().for_each(|word| self.option(word));
        self
    }

    /// Returns the domains to try.
    pub(super) fn search(&self) -> &[Name] {
        self.search.as_deref().unwrap_or_default()
    }

    fn list<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let mut words = words.peekable();
        self.search = words.peek().is_some().then(|| words.filter_map(domain).collect());
    }

    fn option(&mut self, word: &str) {
        let (option, value) = word.split_once(':').unwrap_or((word, ""));
        let number = value.parse::<u64>().ok();
        let most = |most: usize| number.map(|n| usize::try_from(n).unwrap_or(most).min(most));
        match option {
            "ndots" => self.ndots = most(MAX_DOTS).unwrap_or(self.ndots),
            "timeout" => {
                if let Some(seconds) = number {
                    self.timeout = Duration::from_secs(seconds.clamp(1, MAX_TIMEOUT));
                }
            }
            "attempts" => self.attempts = most(MAX_ATTEMPTS).unwrap_or(self.attempts).max(1),
            "rotate" => self.rotate = true,
            "use-vc" | "usevc" | "tcp" => self.use_vc = true,
            "no-aaaa" => self.no_aaaa = true,
            _ => {}
        }
    }
}

/// Reads an address, with a zone for link-local ones, or `[address]:port` as OpenBSD has it.
fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some((ip, PORT).into());
    }
    if let Some((address, port)) = word.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        let port = port.parse().ok().filter(|&port| port != 0)?;
        return Some((address.parse::<IpAddr>().ok()?, port).into());
    }
    let (address, zone) = word.split_once('%')?;
    let zone = zone.parse().ok().or_else(|| interface(zone))?;
    Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, zone).into())
}

/// Returns the number of a network interface, where the system lists them as files.
fn interface(name: &str) -> Option<u32> {
    if name.contains(['/', '.']) {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?.trim().parse().ok()
}

/// Reads a domain of the search list; the root stands for "the name as it is".
fn domain(word: &str) -> Option<Name> {
    let mut domain = if word == "." { Name::root() } else { name::parse(word).ok()? };
    domain.set_fqdn(true);
    Some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_file_of_kubernetes() {
        let conf = ResolvConf::parse(
            "nameserver 10.0.0.1\nnameserver fd00::1\n\
             search ns.svc.cluster.local cluster.local\noptions ndots:5",
        );
        assert_eq!(conf.servers, addrs(&["10.0.0.1:53", "[fd00::1]:53"]));
        let names =
            name::candidates(&name::parse("_http._tcp.web").unwrap(), conf.search(), conf.ndots);
        let names: Vec<_> = names.iter().map(name::host).collect();
        assert_eq!(
            names,
            [
                "_http._tcp.web.ns.svc.cluster.local",
                "_http._tcp.web.cluster.local",
                "_http._tcp.web"
            ]
        );
    }

    #[test]
    fn without_a_name_server_it_is_the_local_machine() {
        let local = addrs(&["127.0.0.1:53"]);
        for text in ["", "# nothing\n", "search example.com", "nameserver", "nameserver nonsense"] {
            assert_eq!(ResolvConf::parse(text).servers, local, "{text:?}");
        }
    }

    #[test]
    fn options_within_the_limits_of_glibc() {
        let conf = |options: &str| ResolvConf::parse(&format!("options {options}"));
        let seconds = |options: &str| conf(options).timeout.as_secs();
        assert_eq!(["timeout:0", "timeout:7", "timeout:99"].map(seconds), [1, 7, 30]);
        assert_eq!(["timeout:", "timeout:-1", "timeout", ""].map(seconds), [5; 4]);
        assert_eq!(conf("attempts:9").attempts, 5);
        assert_eq!(conf("attempts:0").attempts, 1);
        assert_eq!(conf("ndots:99999999999999").ndots, 15);
        let all = conf("rotate use-vc no-aaaa unheard-of");
        assert_eq!((all.rotate, all.use_vc, all.no_aaaa), (true, true, true));
    }

    #[test]
    fn what_cannot_be_read_is_skipped() {
        let conf = ResolvConf::parse(
            "search good.test b..ad bücher.test .x also.good\n; comment\n\
             \x20 nameserver 10.0.0.1 # us\n\
             nameserver 10.0.0.2\nnameserver x\nnameserver [10.0.0.3]:5353\nnameserver 10.0.0.4",
        );
        let search: Vec<_> = conf.search().iter().map(name::host).collect();
        assert_eq!(search, ["good.test", "also.good"]);
        assert_eq!(conf.servers, addrs(&["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:5353"]));
    }

    #[test]
    fn the_last_of_search_and_domain_counts() {
        let search =
            |text| ResolvConf::parse(text).search().iter().map(name::host).collect::<Vec<_>>();
        assert_eq!(search("search a b\ndomain c d"), ["c"]);
        assert_eq!(search("domain c\nsearch a b"), ["a", "b"]);
    }

    #[test]
    fn the_environment_has_the_last_word() {
        let file = "nameserver 10.0.0.1\nsearch a b\noptions ndots:5 timeout:3 rotate";
        let conf = || ResolvConf::parse(file);
        let search = |conf: &ResolvConf| conf.search().iter().map(name::host).collect::<Vec<_>>();
        assert_eq!(conf().amended(None, None, Some("h.example.com")), conf());

        let options = Some("ndots:2\ttimeout:0 unheard-of");
        let amended = conf().amended(Some(" c  b..ad d"), options, None);
        assert_eq!(search(&amended), ["c", "d"]);
        assert_eq!((amended.ndots, amended.timeout.as_secs(), amended.rotate), (2, 1, true));
        assert_eq!(amended.servers, conf().servers);

        let without = conf().amended(Some(""), Some(""), Some("h.example.com"));
        assert_eq!((search(&without), without.ndots), (Vec::new(), 5));
    }

    #[test]
    fn without_a_search_list_it_is_the_domain_of_the_machine() {
        let search = |file: &str, hostname| {
            let conf = ResolvConf::parse(file).amended(None, None, hostname);
            conf.search().iter().map(name::host).collect::<Vec<_>>()
        };
        assert_eq!(search("", Some("h1.example.com\n")), ["example.com"]);
        assert_eq!(search("search a.test\nsearch", Some("h1.test")), ["test"]);
        assert!(
            search("search b..ad", Some("h1.test")).is_empty(),
            "a list of its own, of nothing"
        );
        for none in [None, Some(""), Some("h1"), Some("h1."), Some("h1.b..ad")] {
            assert!(search("nameserver 10.0.0.1", none).is_empty(), "{none:?}");
        }
        let own = ResolvConf::parse("search .").amended(None, None, Some("h1.test"));
        assert_eq!(own.search(), [Name::root()], "a list of its own");
    }

    #[test]
    fn link_local_servers_have_a_zone() {
        assert_eq!(ResolvConf::parse("nameserver fe80::1%3").servers, addrs(&["[fe80::1%3]:53"]));
        let unknown = ResolvConf::parse("nameserver fe80::1%no-such-interface");
        assert_eq!(unknown.servers, addrs(&["127.0.0.1:53"]));
    }
}
