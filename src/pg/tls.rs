//! TLS with libpq's `sslmode` meanings, through rustls (manual, "SSL Support").

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::{self, Conninfo};
use crate::config::Environment;

/// How much of a connection TLS must protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    /// Without TLS first, with it when the server insists.
    Allow,
    /// With TLS first, without it when the server has none.
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = conninfo::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err(conninfo::Error::InvalidValue { keyword: "sslmode", value: text.to_owned() }),
        })
    }
}

/// A way to make TLS connections.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(super) connector: MakeRustlsConnect,
    /// What the connector goes by.
    pub(super) config: Arc<ClientConfig>,
}

impl Tls {
    /// Reads the certificates that a connection needs. The error is for humans.
    pub(super) fn new(mode: SslMode, conninfo: &Conninfo, environment: &Environment) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = verifier(mode, conninfo, environment, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match client_certificate(conninfo, environment)? {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self { connector: MakeRustlsConnect::new(config.clone()), config: Arc::new(config) })
    }
}

fn verifier(
    mode: SslMode,
    conninfo: &Conninfo,
    environment: &Environment,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let named = conninfo.get("sslrootcert");
    let default = own_file(environment, "root.crt").filter(|path| path.is_file());
    let (roots, mode) = match named {
        Some("system") if mode != SslMode::VerifyFull => {
            return Err("sslrootcert=system needs sslmode=verify-full".to_owned());
        }
        Some("system") => (system_roots()?, mode),
        Some(path) => (roots_in(&PathBuf::from(path))?, mode),
        None => match (default, mode) {
            (Some(path), _) => (roots_in(&path)?, mode),
            (None, SslMode::VerifyCa | SslMode::VerifyFull) => {
                return Err(format!(
                    "there is no root certificate for sslmode=verify-*; name one with sslrootcert, put it at \
                     {}, or use sslrootcert=system",
                    own_file(environment, "root.crt").unwrap_or_default().display()
                ));
            }
            (None, _) => return Ok(Arc::new(Encrypt { provider: provider.clone() })),
        },
    };
    // With a root certificate at hand, libpq's `require` is as strict as `verify-ca`.
    if mode < SslMode::Require {
        return Ok(Arc::new(Encrypt { provider: provider.clone() }));
    }
    let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| error.to_string())?;
    if mode == SslMode::VerifyFull { Ok(strict) } else { Ok(Arc::new(AnyName { strict })) }
}

fn system_roots() -> Result<RootCertStore, String> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        return Err("the system has no root certificates".to_owned());
    }
    Ok(roots)
}

fn roots_in(path: &PathBuf) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(path)? {
        roots.add(certificate).map_err(|error| format!("root certificate file {path:?}: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("root certificate file {path:?} holds no certificate"));
    }
    Ok(roots)
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(path).map_err(|error| format!("could not read certificate file {path:?}: {error}"))?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("certificate file {path:?}: {error}"))
}

type CertificateAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_certificate(
    conninfo: &Conninfo,
    environment: &Environment,
) -> Result<Option<CertificateAndKey>, String> {
    let file = |keyword: &str, default: &str| {
        conninfo
            .get(keyword)
            .map(PathBuf::from)
            .or_else(|| own_file(environment, default).filter(|path| path.is_file()))
    };
    let Some(certificate) = file("sslcert", "postgresql.crt") else { return Ok(None) };
    let key = file("sslkey", "postgresql.key")
        .ok_or_else(|| format!("client certificate {certificate:?} has no key; name it with sslkey"))?;
    Ok(Some((certificates_in(&certificate)?, key_in(&key)?)))
}

/// Reads what it takes to be a server with TLS. The error is for humans.
pub(crate) fn server_tls(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates_in(certificate)?, key_in(key)?)
        .map_err(|error| format!("certificate {certificate:?} with key {key:?}: {error}"))?;
    // What `sslnegotiation=direct` asks for (manual, "SSL Session Encryption").
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Arc::new(config))
}

fn key_in(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = fs::read(path).map_err(|error| format!("could not read key file {path:?}: {error}"))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| format!("key file {path:?}: {error}"))
}

/// Returns a file of `~/.postgresql`.
fn own_file(environment: &Environment, name: &str) -> Option<PathBuf> {
    environment.home().map(|home| home.join(".postgresql").join(name))
}

/// Encrypts without asking who is there, as `sslmode=require` does without a root certificate.
#[derive(Debug)]
struct Encrypt {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Encrypt {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks the chain of trust but not the host's name, as `sslmode=verify-ca` does.
#[derive(Debug)]
struct AnyName {
    strict: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The chain is verified before the name is.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}
