//! The sources that are measured.

use core::fmt;
use core::str::FromStr;
use std::io;

/// A source of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A list behind a URL.
    Http,
    /// Consul.
    Consul,
    /// Kubernetes.
    Kubernetes,
    /// etcd.
    Etcd,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 5] = [Self::File, Self::Http, Self::Consul, Self::Kubernetes, Self::Etcd];

    /// Returns what it is called in the table and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Http => "http",
            Self::Consul => "consul",
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = io::Error;

    /// Reads its name.
    ///
    /// # Errors
    /// No source is called so.
    fn from_str(name: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            io::Error::other(format!("no source '{name}': there are {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
        }
        assert_eq!(
            "zookeeper".parse::<Kind>().unwrap_err().to_string(),
            "no source 'zookeeper': there are file, http, consul, kubernetes, etcd"
        );
    }
}
