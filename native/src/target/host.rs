use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::ops::Deref;
use core::str::from_utf8;
use std::sync::Arc;

/// So many bytes are kept in place: the text of any IPv4 address.
const SHORT: usize = 15;

/// The name of a host. A short one is kept in place: lists of many are compared and copied without
/// going elsewhere in memory. The clones of a longer one share it.
#[derive(Clone)]
pub(super) enum Host {
    /// UTF-8, and 0 behind it.
    Short([u8; SHORT]),
    /// In two steps: so it takes no more room than a short one.
    Long(Arc<String>),
}

impl Host {
    /// Takes a name over without its upper case.
    pub(super) fn lowercase(name: &str) -> Self {
        match short(name) {
            Some(mut short) => {
                short.make_ascii_lowercase();
                Self::Short(short)
            }
            None => Self::Long(name.to_ascii_lowercase().into()),
        }
    }
}

impl From<&str> for Host {
    fn from(name: &str) -> Self {
        short(name).map_or_else(|| Self::Long(name.to_owned().into()), Self::Short)
    }
}

impl From<IpAddr> for Host {
    /// Writes the text of an address.
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::Short(text(ip)),
            IpAddr::V6(ip) => ip.to_string().as_str().into(),
        }
    }
}

/// Returns a name as it is kept in place, if it can be.
fn short(name: &str) -> Option<[u8; SHORT]> {
    let mut short = [0; SHORT];
    short.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    (!name.contains('\0')).then_some(short)
}

/// Writes an address as `Display` does, which takes several times as long: there are sets of many.
fn text(ip: Ipv4Addr) -> [u8; SHORT] {
    let (mut text, mut len) = ([0; SHORT], 0);
    let mut push = |byte| {
        text[len] = byte;
        len += 1;
    };
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
    text
}

impl Deref for Host {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(name) => {
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                // It was a whole `str`.
                from_utf8(name).unwrap_or_default()
            }
            Self::Long(name) => name,
        }
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Short(one), Self::Short(other)) => one == other,
            // Clones share the name: then it is not looked at.
            (Self::Long(one), Self::Long(other)) => Arc::ptr_eq(one, other) || one == other,
            (Self::Short(_), Self::Long(_)) | (Self::Long(_), Self::Short(_)) => false,
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_length_is_what_it_was() {
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 253] {
            let name = "a".repeat(len);
            let host = Host::from(&*name);
            assert_eq!(*host, name);
            assert_eq!(matches!(host, Host::Short(_)), len <= SHORT, "{len}");
            assert!(host == host.clone() && host == Host::from(&*name), "{len}");
            assert!(host == Host::lowercase(&name.to_uppercase()), "{len}");
            assert!(host != Host::from(&*(name + "a")), "{len}");
        }
        for odd in ["a\0", "\0", "straße"] {
            assert_eq!(&*Host::from(odd), odd);
            assert_eq!(&*Host::lowercase(odd), odd);
            assert!(Host::from("a") != Host::from(odd));
        }
        assert_eq!(size_of::<Host>(), 16, "as large as a shared name");
    }

    #[test]
    fn the_text_of_an_address_is_that_of_its_display() {
        let some = [0, 1, 9, 10, 19, 99, 100, 101, 110, 199, 200, 255];
        for (one, other) in some.iter().flat_map(|one| some.map(|other| (*one, other))) {
            for ip in [[one, other, one, other], [other, one, one, 0], [7, one, 255, other]] {
                assert_eq!(&*Host::from(IpAddr::from(ip)), Ipv4Addr::from(ip).to_string());
            }
        }
        for ip in ["::", "::1", "2001:db8::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"] {
            assert_eq!(&*Host::from(ip.parse::<IpAddr>().unwrap()), ip);
        }
    }
}
