use core::fmt;

use hyper::header::HeaderValue;

use super::RegistryError;

/// Text that nobody may read in a log.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::discover) struct Secret(String);

impl Secret {
    pub(in crate::discover) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    #[cfg(feature = "etcd")]
    pub(in crate::discover) fn reveal(&self) -> &str {
        &self.0
    }

    /// Makes the value of a header, with something before the secret.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when it has characters that no header may have; without it.
    pub(in crate::discover) fn header(
        &self,
        name: &'static str,
        before: &str,
    ) -> Result<HeaderValue, RegistryError> {
        let bad = |_| RegistryError::Setting {
            name,
            reason: format!("{} bytes with some that no header may have", self.0.len()),
        };
        let mut value = HeaderValue::from_str(&format!("{before}{}", self.0)).map_err(bad)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Takes the secret out of what somebody else wrote.
    pub(super) fn out_of(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
