//! Mutual TLS from mounted files: a peer is whoever has a certificate of the job's authority.

use std::path::Path;
use std::sync::Arc;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name that every certificate of a job carries (subject alternative name): peers are known by their
/// authority, their addresses change.
pub const TLS_NAME: &str = "streamjob";

/// Certificate, key and authority, PEM.
#[derive(Clone)]
pub struct Tls {
    /// Certificates of the authority.
    pub ca: Vec<u8>,
    /// Own certificate chain.
    pub cert: Vec<u8>,
    /// Own private key.
    pub key: Vec<u8>,
}

impl Tls {
    /// Reads `ca.crt`, `tls.crt` and `tls.key`, the names of a Kubernetes TLS secret.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|e| {
                Error::user(format!("cannot read {}", path.display()))
                    .caused_by(e)
                    .fix("mount a secret of type kubernetes.io/tls there, with ca.crt")
            })
        };
        let tls = Self { ca: file("ca.crt")?, cert: file("tls.crt")?, key: file("tls.key")? };
        // What is wrong with them is said now, with the folder's name.
        tls.acceptor().and(tls.connector()).map_err(|e| e.context(folder.display().to_string()))?;
        Ok(tls)
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.ca) {
            roots.add(certificate.map_err(|e| bad("ca.crt", e))?).map_err(|e| bad("ca.crt", e))?;
        }
        if roots.is_empty() {
            return Err(bad("ca.crt", "it holds no certificate"));
        }
        Ok(roots)
    }

    fn own(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| bad("tls.crt", e))?;
        Ok((chain, PrivateKeyDer::from_pem_slice(&self.key).map_err(|e| bad("tls.key", e))?))
    }

    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()?), provider.clone())
            .build()
            .map_err(|e| bad("ca.crt", e))?;
        let (chain, key) = self.own()?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .internal("TLS versions")?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|e| bad("tls.crt and tls.key", e))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    pub(crate) fn connector(&self) -> Result<TlsConnector> {
        let (chain, key) = self.own()?;
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .internal("TLS versions")?
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(chain, key)
            .map_err(|e| bad("tls.crt and tls.key", e))?;
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// The name that peers are asked for.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from(TLS_NAME).unwrap_or_else(|_| ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()))
}

fn bad(file: &str, e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::user(format!("{file} cannot be used for TLS"))
        .caused_by(e)
        .fix(format!("give PEM files of one authority; certificates need the name '{TLS_NAME}'"))
}
