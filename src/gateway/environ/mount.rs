//! The two pairs that a dispatcher changes for the application below a prefix.

use super::keys::id_of;
use super::{Environ, PATH_INFO};
use crate::request::span::Span;

const SCRIPT_NAME: u32 = id_of("SCRIPT_NAME");

impl Environ {
    /// Gives SCRIPT_NAME and PATH_INFO other values, in their places.
    ///
    /// Where SCRIPT_NAME stood among the server's pairs, only the ones before it are the same for
    /// the whole server from here on, and none behind them are the connection's.
    ///
    /// The old values are lent to the application, maybe by their address. If there is no room for
    /// the new ones behind them, the arena is copied, and what comes back is the old one, to be
    /// kept until the request ends.
    pub(crate) fn mount(&mut self, script_name: &[u8], path_info: &[u8]) -> Option<Vec<u8>> {
        self.mounted = true;
        let arena = &mut self.all.arena;
        let needed = script_name.len() + path_info.len() + 2;
        let mut old = None;
        if arena.capacity() - arena.len() < needed {
            let mut larger = Vec::with_capacity(2 * (arena.len() + needed));
            larger.extend_from_slice(arena);
            old = Some(std::mem::replace(arena, larger));
        }
        for (id, value) in [(SCRIPT_NAME, script_name), (PATH_INFO, path_info)] {
            self.replace(id, value);
        }
        old
    }

    pub(crate) fn is_mounted(&self) -> bool {
        self.mounted
    }

    /// Gives back room that is not used. What was lent may move.
    pub(crate) fn shrink(&mut self) {
        self.all.shrink();
    }

    fn replace(&mut self, id: u32, value: &[u8]) {
        let found = self.all.pairs.iter().position(|pair| pair.key_id == id);
        let Some((index, pair)) =
            found.and_then(|index| Some((index, self.all.pairs.get_mut(index)?)))
        else {
            return;
        };
        if pair.value.of(&self.all.arena) == value {
            return;
        }
        let start = self.all.arena.len();
        self.all.arena.extend_from_slice(value);
        pair.value = Span::new(start, self.all.arena.len());
        self.all.arena.push(0);
        if index < self.server_count + self.connection_count {
            self.server_count = self.server_count.min(index);
            self.connection_count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EnvironTemplate, Remote, ServerInfo};
    use super::*;
    use crate::request::head::{HeadPolicy, RequestHead};

    fn built(target: &str) -> Environ {
        let input = format!("GET {target} HTTP/1.0\r\n\r\n");
        let info = ServerInfo {
            protocol: b"HTTP/1.1",
            server_name: b"name",
            server_port: b"8070",
            software: b"soft",
            url_scheme: b"http",
            unicode: false,
        };
        let mut head = RequestHead::new();
        head.parse(input.as_bytes(), &HeadPolicy::default());
        let mut environ = Environ::new();
        let template = EnvironTemplate::new(&info);
        environ.build(&template, &Remote::default(), input.as_bytes(), &head);
        environ
    }

    #[test]
    fn both_values_change_in_their_places() {
        let mut environ = built("/blog/new");
        let keys: Vec<Vec<u8>> = environ.iter().map(|(key, _)| key.to_vec()).collect();
        environ.mount(b"/blog", b"/new");
        assert_eq!(environ.get(b"SCRIPT_NAME"), Some(&b"/blog"[..]));
        assert_eq!(environ.get(b"PATH_INFO"), Some(&b"/new"[..]));
        assert!(environ.iter().map(|(key, _)| key).eq(keys.iter().map(Vec::as_slice)));
        for pair in environ.pairs() {
            assert_eq!(environ.arena().get(pair.value.end as usize), Some(&0));
        }
    }

    #[test]
    fn what_is_no_longer_common_is_not_counted_as_common() {
        let mut environ = built("/blog/new");
        let (server, connection) = (environ.server_count, environ.connection_count);
        environ.mount(b"", b"/blog/new");
        assert_eq!((environ.server_count, environ.connection_count), (server, connection));
        environ.mount(b"/blog", b"/new");
        let common = environ.iter().take(environ.server_count + environ.connection_count);
        assert!(common.into_iter().all(|(key, _)| key != b"SCRIPT_NAME"));
        assert!(environ.server_count < server);
    }

    #[test]
    fn bytes_that_are_lent_stay_where_they_are() {
        let mut environ = built("/");
        let mut old = Vec::new();
        for length in [1, 100, 10_000, 10] {
            let before = environ.arena().to_vec();
            let lent = environ.arena().as_ptr();
            old.extend(environ.mount(&vec![b'x'; length], b"/"));
            let arenas = old.iter().map(Vec::as_slice).chain([environ.arena()]);
            let mut same = arenas.filter(|arena| arena.as_ptr() == lent);
            assert!(same.next().is_some_and(|arena| arena.starts_with(&before)));
        }
        assert!(!old.is_empty());
    }
}
