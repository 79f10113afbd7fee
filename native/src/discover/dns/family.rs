//! Which addresses of a host to use.

use core::net::IpAddr;

use hickory_proto::rr::{RData, RecordType};

/// Which addresses of a host are asked for and become endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// Only IPv4.
    V4,
    /// Only IPv6.
    V6,
    /// IPv4, and IPv6 of hosts that have no other.
    PreferV4,
    /// IPv6, and IPv4 of hosts that have no other.
    PreferV6,
}

/// One of the two kinds of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    V4,
    V6,
}

impl Family {
    pub(super) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Both | Self::PreferV4 => &[Kind::V4, Kind::V6],
            Self::PreferV6 => &[Kind::V6, Kind::V4],
            Self::V4 => &[Kind::V4],
            Self::V6 => &[Kind::V6],
        }
    }

    /// Tells that of a host that has addresses of both kinds, those of the second are left out.
    pub(super) fn takes_first_only(self) -> bool {
        match self {
            Self::PreferV4 | Self::PreferV6 => true,
            Self::Both | Self::V4 | Self::V6 => false,
        }
    }

    /// Obeys `options no-aaaa`, unless only IPv6 is wanted.
    pub(super) fn without_aaaa(self) -> Self {
        match self {
            Self::Both | Self::V4 | Self::PreferV4 | Self::PreferV6 => Self::V4,
            Self::V6 => Self::V6,
        }
    }
}

impl Kind {
    pub(super) fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    pub(super) fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }

    pub(super) fn record(self) -> RecordType {
        match self {
            Self::V4 => RecordType::A,
            Self::V6 => RecordType::AAAA,
        }
    }
}

/// Reads the address of a record that has one.
pub(super) fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(aaaa) => Some(aaaa.0.into()),
        _ => None,
    }
}

/// Tells that no endpoint can answer there: no address, or one of many machines.
pub(super) fn is_unusable(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_unspecified()
        || ip.is_multicast()
        || matches!(ip, IpAddr::V4(ip) if ip.is_broadcast() || ip.octets()[0] == 0)
}
