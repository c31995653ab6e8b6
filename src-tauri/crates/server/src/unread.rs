//! A request that is answered before its body was read, as one that is refused by its head.
//! The rest of the body stands in the way of the next request, so the connection ends, and
//! the answer says so: a client that keeps connections then takes another one.

use axum::response::Response;
use http::{HeaderValue, header};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// A body that notes when it was read to its end.
#[derive(Debug)]
pub(crate) struct Watched<B> {
    body: B,
    unread: Arc<AtomicBool>,
}

/// Whether something of a body is left.
#[derive(Debug)]
pub(crate) struct Unread(Arc<AtomicBool>);

pub(crate) fn watch<B: Body>(body: B) -> (Watched<B>, Unread) {
    let unread = Arc::new(AtomicBool::new(!body.is_end_stream()));
    (Watched { body, unread: Arc::clone(&unread) }, Unread(unread))
}

impl Unread {
    /// Says in the answer that the connection ends, if it will.
    pub(crate) fn tell(&self, answer: &mut Response) {
        if self.0.load(Ordering::Acquire) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.store(false, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
