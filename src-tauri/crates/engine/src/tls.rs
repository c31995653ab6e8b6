//! TLS towards others: one implementation, and the certificates that the machine trusts.

use branchline_core::{Error, Result};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How this process speaks TLS as a client. Reads the machine's certificates, so it is made
/// when first needed.
///
/// # Errors
/// The TLS library refuses its own defaults.
pub fn client_config() -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("TLS cannot be used.").source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
