//! What a request can be given beside its answer: data, a deadline, somebody who hears that the
//! client has left; and a body that is not copied.

use std::any::Any;
use std::time::Duration;

use super::{Request, RequestError};
use crate::connection::extras::Keep;

impl Request<'_> {
    /// Keeps `data` with the request: it is dropped once the request has ended, on some thread of
    /// the library. What was kept before is dropped.
    pub fn set_data<T: Any + Send>(&self, data: T) -> Result<(), RequestError> {
        self.keep(Keep::UntilTheRequestEnds, data)
    }

    /// Shows what [`set_data`](Self::set_data) has kept to `look`.
    pub fn data<R>(
        &self,
        look: impl FnOnce(Option<&mut (dyn Any + Send)>) -> R,
    ) -> Result<R, RequestError> {
        let shown = |data: Option<&mut Box<dyn Any + Send>>| look(data.map(|data| &mut **data));
        self.engine().data(self.request_id(), Keep::UntilTheRequestEnds, shown)
    }

    /// [`set_data`](Self::set_data) for all requests of this connection, until it closes.
    pub fn set_connection_data<T: Any + Send>(&self, data: T) -> Result<(), RequestError> {
        self.keep(Keep::UntilTheConnectionCloses, data)
    }

    /// Shows what [`set_connection_data`](Self::set_connection_data) has kept to `look`.
    pub fn connection_data<R>(
        &self,
        look: impl FnOnce(Option<&mut (dyn Any + Send)>) -> R,
    ) -> Result<R, RequestError> {
        let shown = |data: Option<&mut Box<dyn Any + Send>>| look(data.map(|data| &mut **data));
        self.engine().data(self.request_id(), Keep::UntilTheConnectionCloses, shown)
    }

    /// Bounds the request: so long from now on it is over, wherever it is, and every later call on
    /// it finds it gone. The client gets 503 if nothing was sent, else its connection is cut. `None`
    /// takes the deadline back. What was lent for the request's life ends with it.
    pub fn set_deadline(&self, after: Option<Duration>) -> Result<(), RequestError> {
        let milliseconds = |after: Duration| after.as_millis().try_into().unwrap_or(u64::MAX);
        self.engine().set_deadline(self.request_id(), after.map(milliseconds))
    }

    /// Calls `call` once, on some thread of the library, when the client leaves or half-closes its
    /// connection before the request has ended, or has done so already. It must be short.
    /// A second call of this takes the place of the first.
    pub fn on_abort(&self, call: impl FnOnce() + Send + 'static) -> Result<(), RequestError> {
        let mut call: Option<Box<dyn FnOnce() + Send>> = Some(Box::new(call));
        self.engine().on_abort(self.request_id(), &mut call)
    }

    /// [`write`](Self::write) of a buffer that is given away. What the client does not take at once
    /// stays in it, uncopied (a small one may be copied); this thread goes on, and the next write
    /// waits until it has gone. It is dropped when it is not needed any more, also after an error,
    /// on some thread of the library.
    pub fn write_owned(
        &self,
        buffer: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<(), RequestError> {
        let mut buffer = Some(buffer);
        self.engine().write_owned(self.request_id(), &mut buffer)
    }

    fn keep<T: Any + Send>(&self, keep: Keep, data: T) -> Result<(), RequestError> {
        let mut data = Some(data);
        self.engine().set_data(self.request_id(), keep, &mut data)
    }
}
