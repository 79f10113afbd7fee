//! The settings that all sources of this module have, as methods of each.

/// Writes the setters of a source that has `settings: Settings`, `setup: Option<Setup>` and
/// `hosts: Hosts`.
macro_rules! setters {
    ($source:ident) => {
        impl $source {
            /// Asks these name servers, in this order, instead of the system's; the name is then
            /// complete as it stands. An address alone is one that is asked over UDP and TCP;
            /// [`NameServer`](crate::dns::NameServer) has other ways.
            ///
            /// # Errors
            /// If there are none, or one has port 0.
            pub fn servers(
                mut self,
                servers: impl IntoIterator<Item = impl Into<crate::dns::NameServer>>,
            ) -> Result<Self, DnsError> {
                self.setup = None;
                self.settings.set_servers(servers.into_iter().map(Into::into))?;
                Ok(self)
            }

            /// Reads the system's configuration from this file instead of `/etc/resolv.conf`, as
            /// glibc reads it: without a name server it is the one of this machine, and what
            /// cannot be read in it is skipped. Beside glibc's syntax, `nameserver [address]:port`
            /// is known. The environment's `LOCALDOMAIN` and `RES_OPTIONS` amend only the system's
            /// own file.
            #[must_use]
            pub fn resolv_conf(mut self, path: impl Into<std::path::PathBuf>) -> Self {
                self.setup = None;
                self.settings.resolv_conf = Some(path.into());
                self
            }

            /// Sets how long one name server may take for one question, with the connection that it
            /// needs, before the next is asked. A question over UDP is repeated after a quarter of
            /// it, without EDNS after 50 ms where the server was never heard to know that, and asked
            /// over TCP after a half.
            ///
            /// By default what the system's configuration says, and 2 s for explicit servers; at
            /// most an hour.
            ///
            /// # Errors
            /// If it is zero.
            pub fn timeout(mut self, timeout: core::time::Duration) -> Result<Self, DnsError> {
                self.setup = None;
                self.settings.set_timeout(timeout)?;
                Ok(self)
            }

            /// Chooses among IPv4 and IPv6; by default both.
            #[must_use]
            pub fn family(mut self, family: Family) -> Self {
                self.setup = None;
                self.settings.family = family;
                self
            }

            /// Sets how long a lookup waits for further addresses once it has the first; default
            /// 50 ms (RFC 8305 §3). Those that come later are taken up as they come.
            #[must_use]
            pub fn family_wait(mut self, wait: core::time::Duration) -> Self {
                self.settings.family_wait = wait;
                self
            }

            /// Sets when to look again: bounds on the TTL, jitter, backoff. What was found holds for
            /// [`PollerConfig::max`] at most, whatever its TTL.
            #[must_use]
            pub fn poller(mut self, poller: PollerConfig) -> Self {
                self.settings.poller = poller;
                self.hosts.look_by(poller);
                self
            }
        }
    };
}

pub(super) use setters;
