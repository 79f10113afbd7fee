use core::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::RegistryError;

/// Whom to trust, and who the client is, where a registry is asked by HTTPS.
///
/// Without settings, it trusts what the system trusts: the usual place of the platform, or what
/// `SSL_CERT_FILE` names. The registry's name in the URL is verified.
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
    /// [`RegistryError::Tls`] when it is no PEM, or has no certificate.
    pub fn with_ca(mut self, pem: &[u8]) -> Result<Self, RegistryError> {
        self.authorities.extend(certificates("authority", pem)?);
        Ok(self)
    }

    /// Shows this certificate to a registry that wants one; its chain and key in PEM.
    ///
    /// # Errors
    /// [`RegistryError::Tls`] when either is no PEM, or lacks what it should have.
    pub fn with_identity(self, chain: &[u8], key: &[u8]) -> Result<Self, RegistryError> {
        let chain = certificates("client certificate", chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| RegistryError::Tls { reason: format!("client key: {error}") })?;
        Ok(Self { identity: Some(Identity { chain, key: Arc::new(key) }), ..self })
    }

    /// Expects this name in the registry's certificate instead of that in the URL.
    ///
    /// # Errors
    /// [`RegistryError::Tls`] when it is no name.
    pub fn with_server_name(self, name: &str) -> Result<Self, RegistryError> {
        Ok(Self { name: Some(server_name(name)?), ..self })
    }

    pub(super) fn name_for(&self, host: &str) -> Result<ServerName<'static>, RegistryError> {
        self.name.clone().map_or_else(|| server_name(host), Ok)
    }

    /// Reads the system's authorities, if they count.
    pub(super) fn config(&self) -> Result<ClientConfig, RegistryError> {
        let failed = |error: rustls::Error| RegistryError::Tls { reason: error.to_string() };
        let mut roots = RootCertStore::empty();
        if self.authorities.is_empty() {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map(ToString::to_string).unwrap_or_default();
                let reason = format!("the system has no certificates of authorities {why}");
                return Err(RegistryError::Tls { reason });
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

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| RegistryError::Tls { reason: format!("{what}: {error}") })?;
    if found.is_empty() {
        let reason = format!("{what}: no certificate in {} bytes of PEM", pem.len());
        return Err(RegistryError::Tls { reason });
    }
    Ok(found)
}

fn server_name(name: &str) -> Result<ServerName<'static>, RegistryError> {
    let bad = |_| RegistryError::Tls { reason: format!("'{name}' is no name of a server") };
    ServerName::try_from(name.to_owned()).map_err(bad)
}
