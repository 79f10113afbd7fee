//! Secure connections: whom to trust, and who the client is.

use core::error::Error;
use core::fmt;
#[cfg(any(feature = "http", feature = "tonic", feature = "web"))]
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Whom to trust, and who the client is, where a registry, a name server or an endpoint is asked over
/// TLS.
///
/// Without settings, it trusts what the system trusts: the usual place of the platform, or what
/// `SSL_CERT_FILE` names. The server's name is verified: that in the URL, where it has one.
///
/// ```no_run
/// use evenkeel::Tls;
///
/// let tls = Tls::default()
///     .with_ca(&std::fs::read("ca.pem")?)?
///     .with_identity(&std::fs::read("client.pem")?, &std::fs::read("client-key.pem")?)?;
/// # drop(tls);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
    name: Option<ServerName<'static>>,
}

#[derive(Clone)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Tls {
    /// Trusts these authorities, in PEM, and no longer those of the system.
    ///
    /// # Errors
    /// [`TlsError`] when it is no PEM, or has no certificate.
    pub fn with_ca(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        self.authorities.extend(certificates("authority", pem)?);
        Ok(self)
    }

    /// Shows this certificate to a server that wants one; its chain and key in PEM.
    ///
    /// # Errors
    /// [`TlsError`] when either is no PEM, or lacks what it should have.
    pub fn with_identity(self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates("client certificate", chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsError { reason: format!("client key: {error}") })?;
        Ok(Self { identity: Some(Identity { chain, key: Arc::new(key) }), ..self })
    }

    /// Expects this name in the server's certificate instead of that in the URL.
    ///
    /// # Errors
    /// [`TlsError`] when it is no name.
    pub fn with_server_name(self, name: &str) -> Result<Self, TlsError> {
        Ok(Self { name: Some(server_name(name)?), ..self })
    }

    fn name_for(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        self.name.clone().map_or_else(|| server_name(host), Ok)
    }

    /// Reads the system's authorities, if they count.
    fn config(&self) -> Result<ClientConfig, TlsError> {
        let failed = |error: rustls::Error| TlsError { reason: error.to_string() };
        let mut roots = RootCertStore::empty();
        if self.authorities.is_empty() {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map(ToString::to_string).unwrap_or_default();
                let reason = format!("the system has no certificates of authorities {why}");
                return Err(TlsError { reason });
            }
        } else {
            for authority in &self.authorities {
                roots.add(authority.clone()).map_err(failed)?;
            }
        }
        // The provider is named, as a program may have several.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
        let builder = builder.with_root_certificates(roots);
        match &self.identity {
            None => Ok(builder.with_no_client_auth()),
            Some(Identity { chain, key }) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(failed)
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.len())
            .field("identity", &self.identity.is_some())
            .field("name", &self.name)
            .finish()
    }
}

/// Makes connections secure. The certificates are read for the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connector {
    tls: Tls,
    /// What to speak, if that is to be agreed on (ALPN, RFC 7301).
    protocols: Vec<Vec<u8>>,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Connector {
    pub(crate) fn new(tls: Tls) -> Self {
        Self { tls, ..Self::default() }
    }

    /// Agrees on one of these protocols, the first that the server speaks as well.
    #[cfg(any(feature = "dns-over-https", feature = "http", feature = "tonic"))]
    pub(crate) fn speaking(self, protocols: &[&[u8]]) -> Self {
        Self { protocols: protocols.iter().map(|name| name.to_vec()).collect(), ..self }
    }

    /// Returns what a connection to this host is secured with, and the name to expect there.
    pub(crate) async fn session(
        &self,
        host: &str,
    ) -> Result<(TlsConnector, ServerName<'static>), TlsError> {
        let name = self.tls.name_for(host)?;
        if let Some(config) = self.config.get() {
            return Ok((TlsConnector::from(Arc::clone(config)), name));
        }
        let (tls, protocols) = (self.tls.clone(), self.protocols.clone());
        let config = tokio::task::spawn_blocking(move || {
            let mut config = tls.config()?;
            config.alpn_protocols = protocols;
            Ok(config)
        });
        let config = config.await.map_err(|error| TlsError { reason: error.to_string() })??;
        let config = self.config.get_or_init(|| Arc::new(config));
        Ok((TlsConnector::from(Arc::clone(config)), name))
    }
}

/// Says what is wrong where a handshake met a server that does not speak TLS, and what to do.
#[cfg(any(feature = "http", feature = "tonic", feature = "web"))]
pub(crate) fn explained(error: io::Error) -> io::Error {
    use rustls::Error::InvalidMessage;
    use rustls::InvalidMessage::{InvalidContentType, UnknownProtocolVersion};
    let why = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    if !matches!(why, Some(InvalidMessage(InvalidContentType | UnknownProtocolVersion))) {
        return error;
    }
    let reason = "the server does not speak it here: ask without TLS (http://), or at another port";
    io::Error::new(error.kind(), TlsError { reason: reason.to_owned() })
}

/// Why certificates or keys are of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsError {
    /// What is wrong with which.
    pub reason: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS: {}", self.reason)
    }
}

impl Error for TlsError {}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError { reason: format!("{what}: {error}") })?;
    if found.is_empty() {
        let reason = format!("{what}: no certificate in {} bytes of PEM", pem.len());
        return Err(TlsError { reason });
    }
    Ok(found)
}

/// Reads the name, or the address, of a server.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let bad = |_| TlsError { reason: format!("'{name}' is no name of a server") };
    ServerName::try_from(name.to_owned()).map_err(bad)
}
