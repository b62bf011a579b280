//! Which certificate a client gets.

use wsgiserver::HTTPServer;
use wsgiserver::ssl::{Identity, SSLConfig, get_ssl_adapter_class};

use std::net::SocketAddr;
use std::sync::Arc;

use crate::application::{respond, serve};
use crate::certificates::file;
use crate::client::{certificate_for, connect, der, try_get_on};
use crate::support::App;

pub fn the_chain_is_sent(adapter: &str) {
    let (server, address) = serve(adapter, &[]);
    let mut client = connect(address);
    assert_eq!(try_get_on(&mut client, "/").unwrap(), "hello");
    let sent: Vec<_> = client.0.conn.peer_certificates().unwrap().to_vec();
    assert_eq!(
        sent.iter().map(|der| der.to_vec()).collect::<Vec<_>>(),
        [der("server.pem"), der("between.pem")]
    );
    server.stop();
    // In the file of the certificate, with the key.
    let all = file("all-in-one.pem");
    let options = [("certificate", &*all), ("private_key", ""), ("certificate_chain", "")];
    let (_server, address) = serve(adapter, &options);
    assert_eq!(try_get_on(&mut connect(address), "/").unwrap(), "hello");
}

pub fn each_name_gets_its_certificate(adapter: &str) {
    let (_server, address) = serve_names(adapter, &[(None, "wild"), (None, "exact")]);
    for (name, certificate) in [
        ("server.test", "server.pem"),
        ("exact.wild.test", "exact.pem"),
        ("other.wild.test", "wild.pem"),
        ("OTHER.Wild.TEST", "wild.pem"),
        ("localhost", "server.pem"),
    ] {
        assert_eq!(certificate_for(address, name), der(certificate), "{name}");
    }
}

pub fn a_certificate_may_be_added_under_a_name(adapter: &str) {
    let added = [(Some("localhost"), "rsa"), (Some("*.test"), "next")];
    let (_server, address) = serve_names(adapter, &added);
    assert_eq!(certificate_for(address, "localhost"), der("rsa.pem"));
    assert_eq!(certificate_for(address, "server.test"), der("next.pem"));
}

/// With certificates beside the first one, and all chains in place.
fn serve_names(adapter: &str, added: &[(Option<&str>, &str)]) -> (Arc<HTTPServer>, SocketAddr) {
    let identity = |name: &str| {
        let chain =
            if ["server", "next"].contains(&name) { file("between.pem") } else { "".into() };
        Identity::new(&file(&format!("{name}.pem")), &file(&format!("{name}.key")), &chain)
    };
    let mut config = SSLConfig { identity: identity("server"), ..SSLConfig::default() };
    for (name, files) in added {
        config.sni.push((name.map(str::to_owned), identity(files)));
    }
    let server = Arc::new(HTTPServer::new("127.0.0.1:0", App(respond)).unwrap());
    let adapter = get_ssl_adapter_class(adapter).unwrap()(&config).unwrap();
    server.set_ssl_adapter(Some(adapter)).unwrap();
    server.start_background().unwrap();
    let address = server.bound_addr().unwrap();
    (server, address)
}
