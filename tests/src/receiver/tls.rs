//! Certificates for receivers and for who sends, signed by an authority of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// An authority, whose files are in a directory.
pub struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// Makes one; `ca.pem` is its certificate.
    pub fn new(dir: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(dir.join("ca.pem"), certificate.pem()).expect("write the certificate");
        let der = certificate.der().clone();
        Self { dir: dir.to_owned(), issuer: Issuer::new(params, key), certificate: der }
    }

    /// A certificate for a name, and its key, also as files `NAME.pem` and `NAME.key`.
    pub fn sign(&self, name: &str, is_expired: bool) -> (CertificateDer<'static>, KeyPair) {
        self.sign_for(name, is_expired.then_some(2020))
    }

    /// The same, for one year only.
    fn sign_for(&self, name: &str, year: Option<i32>) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        if let Some(year) = year {
            params.not_before = rcgen::date_time_ymd(year, 1, 1);
            params.not_after = rcgen::date_time_ymd(year + 1, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |end: &str| self.dir.join(format!("{name}.{end}"));
        fs::write(file("pem"), certificate.pem()).expect("write the certificate");
        fs::write(file("key"), key.serialize_pem()).expect("write the key");
        (certificate.der().clone(), key)
    }

    /// A receiver's side of TLS, for a name; `asks`: only for who has a certificate, too.
    pub fn server(&self, name: &str, is_expired: bool, asks: bool) -> Arc<ServerConfig> {
        self.server_with(self.sign(name, is_expired), asks)
    }

    /// The same with a certificate for a year that is to come.
    pub fn server_from(&self, name: &str, year: i32) -> Arc<ServerConfig> {
        self.server_with(self.sign_for(name, Some(year)), false)
    }

    fn server_with(
        &self,
        (certificate, key): (CertificateDer<'static>, KeyPair),
        asks: bool,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).expect("a root");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Arc::new(builder.with_single_cert(vec![certificate], key).expect("a certificate"))
    }

    /// Keys of a sink that trusts this authority; `own`: and has a certificate of this name.
    pub fn keys(&self, own: Option<&str>) -> String {
        let file = |name: &str| self.dir.join(name);
        let mut keys = format!("tls: true\nca_file: {:?}\n", file("ca.pem"));
        if let Some(name) = own {
            keys += &format!(
                "certificate_file: {:?}\nkey_file: {:?}\n",
                file(&format!("{name}.pem")),
                file(&format!("{name}.key"))
            );
        }
        keys
    }
}
