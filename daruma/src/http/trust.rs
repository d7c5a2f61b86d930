//! Which certificate authorities are trusted: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` honoured) and extra files.

use std::path::Path;
use std::sync::Arc;

use fs_err as fs;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::HttpError;

/// Reads them all. About ten milliseconds, so clients do it for their first https request only.
pub(super) fn load(extra: &[impl AsRef<Path>]) -> Result<TlsConfig, HttpError> {
    let mut roots = system()?;
    for path in extra {
        roots.extend(file(path.as_ref())?);
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build())
}

fn system() -> Result<Vec<Certificate<'static>>, HttpError> {
    let mut found = rustls_native_certs::load_native_certs();
    // One unreadable file among hundreds must not stop everything; none at all is an answer worth giving.
    if found.certs.is_empty() && !found.errors.is_empty() {
        return Err(HttpError::TrustStore {
            origin: "this system".to_owned(),
            source: Box::new(found.errors.swap_remove(0)),
        });
    }
    Ok(found
        .certs
        .iter()
        .map(|cert| Certificate::from_der(cert).to_owned())
        .collect())
}

fn file(path: &Path) -> Result<Vec<Certificate<'static>>, HttpError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| HttpError::TrustStore {
        origin: path.display().to_string(),
        source,
    };
    let pem = fs::read(path).map_err(|e| failed(Box::new(e)))?;
    let items: Result<Vec<_>, _> = parse_pem(&pem).collect();
    let items = items.map_err(|e| failed(Box::new(e)))?;
    Ok(items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(cert) => Some(cert),
            _ => None,
        })
        .collect())
}
