//! The fuzzers' functions over generated requests, and over what is sent in `tests/wire`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A request that may be right, from parts that are nearly all right.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = select(vec![
        "GET / HTTP/1.1",
        "POST /a%2Fb%20c?d=%41 HTTP/1.1",
        "HEAD /h HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PUT http://H:80?q HTTP/1.1",
        "GET http://h/x?y?z HTTP/1.0",
        "POST / HTTP/1.0",
        "GET /%%4 HTTP/1.7",
    ]);
    let host = select(vec!["Host: h\r\n", "host:\th \r\n", "HOST:h:80\r\n", "Host: h\r\n", ""]);
    let field = select(vec![
        "X-A: b\r\n",
        "x_y: \t z \r\n",
        "Connection: close\r\n",
        "Connection: x, Keep-Alive\r\n",
        "Expect: 100-continue\r\n",
        "Cookie: a\r\n",
        "Cookie:\r\n",
        "Content-Type: t\r\n",
        "Proxy: p\r\n",
        "Accept: \u{e9}\r\n",
    ]);
    (line, host, vec(field, 0..4), body()).prop_map(|(line, host, fields, (length, body))| {
        [format!("{line}\r\n{host}{}{length}\r\n", fields.concat()).into_bytes(), body].concat()
    })
}

/// The fields that say how long it is, and itself.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let data = vec(any::<u8>(), 0..40);
    let chunks = vec((vec(any::<u8>(), 1..20), select(vec!["", "", ";a", "; a=\"\\\";\""])), 0..4);
    let trailers = select(vec!["", "A: b\r\n", "A:\r\nA: c \r\n", "Host: h\r\n"]);
    prop_oneof![
        Just((String::new(), Vec::new())),
        (data, -1..2i64).prop_map(|(data, more)| {
            let length = data.len() as i64 + i64::from(more == 1 && data.len() > 9);
            (format!("Content-Length: {length}\r\n"), data)
        }),
        (chunks, trailers, select(vec!["chunked", "Chunked, ", "x"])).prop_map(
            |(chunks, trailers, coding)| {
                let mut body = Vec::new();
                for (data, extension) in chunks {
                    body.extend(format!("{:X}{extension}\r\n", data.len()).into_bytes());
                    body.extend(data);
                    body.extend(b"\r\n");
                }
                body.extend(format!("0\r\n{trailers}\r\n").into_bytes());
                (format!("Transfer-Encoding: {coding}\r\n"), body)
            }
        ),
    ]
}

/// Bytes that were changed, left out, put in, or cut off.
fn damaged(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = proptest::option::of((any::<prop::sample::Index>(), 0..5usize, any::<u8>()));
    (bytes, damage).prop_map(|(mut bytes, damage)| {
        let Some((index, kind, byte)) = damage.filter(|_| !bytes.is_empty()) else { return bytes };
        let at = index.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"\r\n:; ,\"0\t#%[]@x"[usize::from(byte) % 15]),
            3 => bytes.insert(at, byte),
            _ => bytes.truncate(at),
        }
        bytes
    })
}

fn with_choice(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), bytes).prop_map(|(choice, bytes)| [vec![choice], bytes].concat())
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    vec(request(), 1..4).prop_map(|requests| requests.concat())
}

fn targets() -> impl Strategy<Value = Vec<u8>> {
    let part = select(vec![
        "/", "//", "*", "?", "%", "%2f", "%00", "http", "HTTPS", "x+y", "://", "h", "H", ":",
        ":80", ":443", ":65536", "@", "[::1]", "[v1.a:b]", "[", "]", "#", " ", "~", "_", "|", "\\",
        "..",
    ]);
    vec(part, 0..7).prop_map(|parts| parts.concat().into_bytes())
}

fn option_lines() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        select(vec!["", "on", "FALSE", "0644", "8", "10.0.0.0/8, ::1,unix", "1e3", "inf", "-0"])
            .prop_map(str::to_owned),
        ".{0,12}",
    ];
    let specs = crate::server::options::option_specs();
    let name = select(specs.iter().map(|spec| spec.name).collect::<Vec<_>>());
    (name, value).prop_map(|(name, value)| format!("{name} {value}").into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn heads(input in damaged(request())) {
        head(&input);
    }

    #[test]
    fn targets_and_hosts(input in damaged(targets())) {
        target(&input);
    }

    #[test]
    fn environs(input in with_choice(damaged(request()))) {
        environ(&input);
    }

    #[test]
    fn chunked_bodies(input in with_choice(damaged(body().prop_map(|(_, body)| body)))) {
        chunked(&input);
    }

    #[test]
    fn pipelined_requests(input in with_choice(damaged(requests()))) {
        connection(&input);
    }

    #[test]
    fn options_and_values(input in option_lines()) {
        options(&input);
    }

    #[test]
    fn anything(input in vec(any::<u8>(), 0..100)) {
        for function in [head, target, environ, chunked, connection, options, proxy_header] {
            function(&input);
        }
    }
}

/// Where underscores are kept, such a name has a key of its own.
#[test]
fn a_kept_name_with_an_underscore_is_not_the_length() {
    environ(b"\x02POST / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\nContent-Length: 1\r\n\r\n");
}
