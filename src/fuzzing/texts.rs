//! Targets, environs and options.

use std::collections::HashSet;

use super::framing;
use crate::decode::{cookie, percent_decode, query};
use crate::gateway::environ::{Environ, EnvironTemplate, Remote, ServerInfo};
use crate::request::head::{HeadPolicy, Parsed, RequestHead};
use crate::server::options::{Options, option_specs};

/// The target of a request line: what is taken is a path, and is decoded once. The decoding
/// functions for applications never make anything longer.
pub fn target(input: &[u8]) {
    for text in [input, input.get(1..).unwrap_or_default()] {
        for plus in [false, true] {
            assert!(percent_decode(text, plus).len() <= text.len());
        }
        for (name, value) in query(text) {
            assert!(name.len() + value.map_or(0, |value| value.len()) <= text.len());
        }
        let _found = cookie(text, b"a");
    }
    framing::agrees_around(input);
    for method in ["GET", "OPTIONS", "CONNECT"] {
        let policy = HeadPolicy { proxy_mode: method == "CONNECT", ..HeadPolicy::default() };
        let bytes = [method.as_bytes(), b" ", input, b" HTTP/1.0\r\n\r\n"].concat();
        let mut head = RequestHead::new();
        let Parsed::Complete { length } = head.parse(&bytes, &policy) else { continue };
        if length < bytes.len() || !head.fields.is_empty() {
            // A line of its own was among them, and ours ended it or a field behind it.
            continue;
        }
        assert!(input.iter().all(|byte| (0x21..0x7f).contains(byte)), "{input:?}");
        let is_path = head.path.starts_with(b"/") || head.path == b"*";
        assert!(is_path || method == "CONNECT", "{:?}", head.path);
        assert!(head.path.len() <= input.len().max(1));
    }
}

/// The environ of any head that is taken: each key once, none of those that are traps, and as it is
/// whatever version of WSGI is asked for.
pub fn environ(input: &[u8]) {
    let Some((how, input)) = input.split_first() else { return };
    let unicode = how & 1 != 0;
    let policy = HeadPolicy { keep_underscore_headers: how & 2 != 0, ..HeadPolicy::default() };
    let mut head = RequestHead::new();
    let Parsed::Complete { .. } = head.parse(input, &policy) else { return };
    let info = ServerInfo {
        protocol: b"HTTP/1.1",
        server_name: b"fuzz",
        server_port: b"80",
        software: b"fuzz",
        url_scheme: b"http",
        unicode,
    };
    let mut environ = Environ::new();
    // A second time it is the same, in memory that was used before.
    for _ in 0..2 {
        let template = EnvironTemplate::new(&info);
        environ.build(&template, &Remote::default(), input, &head);
        let mut seen = HashSet::new();
        for (key, value) in environ.iter() {
            assert!(seen.insert(key.to_vec()), "{:?} twice", String::from_utf8_lossy(key));
            // A kept `Content_Length` has a key of its own.
            let is_trap = key == b"HTTP_CONTENT_LENGTH" && !policy.keep_underscore_headers;
            assert!(key != b"HTTP_PROXY" && !is_trap);
            let is_decoded = key == b"PATH_INFO" || key == b"SCRIPT_NAME";
            assert!(is_decoded || !value.contains(&b'\n'), "{:?}", String::from_utf8_lossy(key));
            assert!(!unicode || std::str::from_utf8(value).is_ok(), "{value:?}");
        }
    }
}

/// Lines of `name value`: each is taken or refused with a text of one line, and what is taken can be read and given again.
pub fn options(input: &[u8]) {
    let mut options = Options::default();
    for line in String::from_utf8_lossy(input).lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        match options.set(name, value) {
            Ok(()) => {
                let told = options.get(name).expect("an option that could be set");
                options.set(name, &told).expect("what was told is taken");
                assert_eq!(options.get(name).expect("as before"), told);
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
            }
        }
    }
    for option in option_specs() {
        options.get(option.name).expect("every option has a value");
    }
}
