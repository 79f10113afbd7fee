use core::fmt;
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

impl From<String> for Host {
    fn from(name: String) -> Self {
        let mut short = [0; SHORT];
        match short.get_mut(..name.len()) {
            Some(place) if !name.contains('\0') => {
                place.copy_from_slice(name.as_bytes());
                Self::Short(short)
            }
            Some(_) | None => Self::Long(name.into()),
        }
    }
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
            let host = Host::from(name.clone());
            assert_eq!(*host, name);
            assert_eq!(matches!(host, Host::Short(_)), len <= SHORT, "{len}");
            assert!(host == host.clone() && host == Host::from(name.clone()), "{len}");
            assert!(host != Host::from(name + "a"), "{len}");
        }
        for odd in ["a\0", "\0", "straße"] {
            assert_eq!(&*Host::from(odd.to_owned()), odd);
            assert!(Host::from("a".to_owned()) != Host::from(odd.to_owned()));
        }
        assert_eq!(size_of::<Host>(), 16, "as large as a shared name");
    }
}
