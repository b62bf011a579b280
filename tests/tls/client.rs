//! A client that speaks TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::certificates::file;
use crate::support::Client;

pub type Secure = Client<StreamOwned<ClientConnection, TcpStream>>;

/// Both versions, with the name that the environ has for them.
pub const VERSIONS: [(&SupportedProtocolVersion, &str); 2] =
    [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")];
pub const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// A client that trusts the root alone, and shows a certificate if it has one.
pub fn config(versions: &[&'static SupportedProtocolVersion], own: Option<&str>) -> ClientConfig {
    config_with(rustls::crypto::aws_lc_rs::default_provider(), versions, own)
}

/// With a provider, which says what the client prefers.
pub fn config_with(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&str>,
) -> ClientConfig {
    let provider = Arc::new(provider);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("root.pem")).unwrap()).unwrap();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap()
        .with_webpki_verifier(verifier.unwrap());
    match own {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let own = CertificateDer::pem_file_iter(file(&format!("{name}.pem"))).unwrap();
            let own = own.collect::<Result<_, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).unwrap();
            // with_client_auth_cert does not take the certificates that servers have to refuse.
            let key = provider.key_provider.load_private_key(key).unwrap();
            let own = SingleCertAndKey::from(CertifiedKey::new(own, key));
            builder.with_client_cert_resolver(Arc::new(own))
        }
    }
}

/// Connects; the handshake is done with the first bytes that are sent.
pub fn connect_as(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Secure {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tls = ClientConnection::new(config.clone(), name).unwrap();
    Client(StreamOwned::new(tls, Client::connect(address).0))
}

/// A client as most are.
pub fn connect(address: SocketAddr) -> Secure {
    connect_as(address, &Arc::new(config(BOTH, None)), "server.test")
}

/// One request on a connection of its own, up to its proper end: the answer's body.
pub fn try_get(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    name: &str,
    path: &str,
) -> io::Result<String> {
    let mut client = connect_as(address, config, name);
    try_get_on(&mut client, path)
}

pub fn try_get_on(client: &mut Secure, path: &str) -> io::Result<String> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.0.write_all(head.as_bytes())?;
    let mut answer = String::new();
    client.0.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?.1;
    Ok(body.to_owned())
}

/// [`try_get`] of one who is let in.
pub fn get(address: SocketAddr, config: &Arc<ClientConfig>, name: &str, path: &str) -> String {
    try_get(address, config, name, path).unwrap()
}

/// The certificate that a client with this name gets, as DER.
pub fn certificate_for(address: SocketAddr, name: &str) -> Vec<u8> {
    let config = Arc::new(config(BOTH, None));
    let mut client = connect_as(address, &config, name);
    try_get_on(&mut client, "/").unwrap();
    client.0.conn.peer_certificates().unwrap()[0].to_vec()
}

/// What is in the file, as DER.
pub fn der(name: &str) -> Vec<u8> {
    CertificateDer::from_pem_file(file(name)).unwrap().to_vec()
}
