//! Certificates that change while the server runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wsgiserver::HTTPServer;

use crate::application::serve;
use crate::certificates::{file, own_folder};
use crate::client::{BOTH, certificate_for, config, connect, connect_as, der, get};
use crate::support::eventually;

/// A certificate and a key that a test may overwrite.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(test: &str, adapter: &str) -> Self {
        let folder = own_folder(&format!("{test}-{adapter}"));
        let files = Self { certificate: folder.join("own.pem"), key: folder.join("own.key") };
        files.put("server", "server");
        files
    }

    fn put(&self, certificate: &str, key: &str) {
        std::fs::copy(file(&format!("{certificate}.pem")), &self.certificate).unwrap();
        std::fs::copy(file(&format!("{key}.key")), &self.key).unwrap();
    }

    fn serve(&self, adapter: &str) -> (Arc<HTTPServer>, SocketAddr) {
        let (certificate, key) = (self.certificate.to_str(), self.key.to_str());
        let options = [("certificate", certificate.unwrap()), ("private_key", key.unwrap())];
        serve(adapter, &options)
    }
}

pub fn connections_to_come_get_the_new_certificate(adapter: &str) {
    let files = Files::new("new", adapter);
    let (server, address) = files.serve(adapter);
    let mut old = connect(address);
    assert_eq!(old.get("/").answer().0, 200);
    assert_eq!(certificate_for(address, "server.test"), der("server.pem"));
    files.put("next", "next");
    assert_eq!(certificate_for(address, "server.test"), der("server.pem"), "not before the reload");
    server.reload_ssl().unwrap();
    assert_eq!(certificate_for(address, "server.test"), der("next.pem"));
    assert_eq!(old.get("/").answer(), (200, "hello".into()), "who was there goes on");
    // A connection has its own certificate in the environ, whatever was read since.
    let environ = old.get("/environ").answer().1;
    let own = std::fs::read_to_string(file("server.pem")).unwrap().replace('\n', "|");
    assert!(environ.contains(&own));
    server.stop();
    assert!(server.reload_ssl().is_err());
}

pub fn a_bad_pair_leaves_the_old_one(adapter: &str) {
    let files = Files::new("bad", adapter);
    let (server, address) = files.serve(adapter);
    for (certificate, key) in [("next", "server"), ("server", "no-key"), ("no-pem", "server")] {
        files.put(certificate, key);
        let error = server.reload_ssl().unwrap_err().to_string();
        let wrong = if certificate == "no-pem" { &files.certificate } else { &files.key };
        assert!(error.contains(wrong.to_str().unwrap()), "{error}");
        assert_eq!(certificate_for(address, "server.test"), der("server.pem"));
    }
    files.put("next", "next");
    std::fs::remove_file(&files.key).unwrap();
    assert!(server.reload_ssl().unwrap_err().to_string().contains("No such file"));
    assert_eq!(certificate_for(address, "server.test"), der("server.pem"));
    files.put("next", "next");
    server.reload_ssl().unwrap();
    assert_eq!(certificate_for(address, "server.test"), der("next.pem"));
}

pub fn no_request_fails_under_load(adapter: &str) {
    let files = Files::new("load", adapter);
    let (server, address) = files.serve(adapter);
    let (done, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let config = Arc::new(config(BOTH, None));
                let mut kept = connect_as(address, &config, "server.test");
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(kept.get("/").answer(), (200, "hello".into()));
                    assert_eq!(get(address, &config, "server.test", "/"), "hello");
                    answers.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        let reload = |name: &str| {
            files.put(name, name);
            let before = answers.load(Ordering::Relaxed);
            server.reload_ssl().unwrap();
            before
        };
        for _ in 0..500 {
            reload("next");
            reload("server");
        }
        let before = reload("next");
        eventually("there are answers after the last reload", || {
            answers.load(Ordering::Relaxed) > before + 6
        });
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.stop(), 0);
}
