use core::fmt;
use core::ops::Deref;
use core::str::from_utf8;
use std::sync::Arc;

/// So many bytes are kept in place: the text of any IPv4 address, and no more room than a shared
/// name takes.
const SHORT: usize = 22;

/// The name of a host. A short one is kept in place: lists of many are compared and copied without
/// going elsewhere in memory. The clones of a longer one share it.
#[derive(Clone)]
pub(super) enum Host {
    Short(Short),
    Long(Arc<str>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    len: u8,
    /// UTF-8, and 0 behind it.
    text: [u8; SHORT],
}

impl From<&str> for Host {
    fn from(name: &str) -> Self {
        let mut text = [0; SHORT];
        match text.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name.as_bytes());
                Self::Short(Short { len: name.len() as u8, text })
            }
            None => Self::Long(name.into()),
        }
    }
}

impl Deref for Host {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Short(Short { len, text }) => {
                let text = text.get(..usize::from(*len)).unwrap_or_default();
                // It was a whole `str`.
                from_utf8(text).unwrap_or_default()
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
            assert_eq!(&*host, name);
            assert_eq!(matches!(host, Host::Short(_)), len <= SHORT, "{len}");
            assert!(host == host.clone() && host == Host::from(&*name), "{len}");
            assert!(host != Host::from(&*format!("{name}a")), "{len}");
        }
        // What is behind the text is no part of it.
        assert!(Host::from("a") != Host::from("a\0"));
        assert_eq!(&*Host::from("straße"), "straße");
    }
}
