//! Certificates made for a test.

use core::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Certificates in PEM, of the server and of its clients.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority of both.
    pub authority: String,
    /// The server's, and its key.
    pub server: (String, String),
    /// A client's, and its key.
    pub client: (String, String),
}

/// Authorities so far.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Who signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, in PEM.
    pub pem: String,
}

impl Authority {
    /// Makes an authority that nobody knows.
    ///
    /// # Panics
    ///
    /// Without randomness.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // With the same name, a stranger's signature would be taken for a forged one of its own.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Makes a certificate for a host's name or an IP address, and its key, in PEM.
    ///
    /// # Panics
    ///
    /// If it is neither.
    pub fn certifies(&self, name: &str) -> (String, String) {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// Makes one that held until the year 2001.
    ///
    /// # Panics
    ///
    /// As [`certifies`](Self::certifies).
    pub fn certified(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes an authority, and certificates by it for 127.0.0.1 and for a client.
///
/// # Panics
///
/// Without randomness.
pub fn certificates() -> Certificates {
    let authority = Authority::new();
    let (server, client) = (authority.certifies("127.0.0.1"), authority.certifies("client.test"));
    Certificates { authority: authority.pem, server, client }
}
