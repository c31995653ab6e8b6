//! A request's body on its way in: whether it was read, and that it does not stall.
//!
//! A request that is answered before its body was read, as one that is refused by its head,
//! leaves the rest in the way of the next request: the connection ends, and the answer says
//! so, so that a client that keeps connections takes another one. The rest is still taken and
//! thrown away for a while, because most clients look for an answer only once they have sent
//! everything, and a connection that is closed on them before costs them the answer.

use axum::response::Response;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Buf, Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep, timeout};

/// How long a request's body may stall.
const STALL: Duration = Duration::from_secs(60);
/// How much of a body that nobody reads is still taken, in bytes, and for how long.
const LEFT_OVER: usize = 32 << 20;
const LEFT_OVER_TIME: Duration = Duration::from_secs(5);

/// What this file asks of a body.
pub(crate) trait Arriving:
    Body<Data: Send, Error: Into<Failed>> + Send + Unpin + 'static
{
}
impl<B: Body<Data: Send, Error: Into<Failed>> + Send + Unpin + 'static> Arriving for B {}

type Failed = Box<dyn Error + Send + Sync>;

/// A body that notes when it was read to its end, and fails when it stalls.
#[derive(Debug)]
pub(crate) struct Watched<B: Arriving> {
    /// Always there, until this is dropped.
    body: Option<B>,
    unread: Arc<AtomicBool>,
    /// Runs while bytes are awaited; most bodies come together with their head, and a timer
    /// for each of those would wake the thread that sets it.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Whether something of a body is left.
#[derive(Debug)]
pub(crate) struct Unread(Arc<AtomicBool>);

pub(crate) fn watch<B: Arriving>(body: B) -> (Watched<B>, Unread) {
    let unread = Arc::new(AtomicBool::new(!body.is_end_stream()));
    (Watched { body: Some(body), unread: Arc::clone(&unread), stalled: None }, Unread(unread))
}

impl Unread {
    /// Says in the answer that the connection ends, if it will.
    pub(crate) fn tell(&self, answer: &mut Response) {
        if self.0.load(Ordering::Acquire) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl<B: Arriving> Body for Watched<B> {
    type Data = B::Data;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Failed>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) else {
            let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
            return stalled.as_mut().poll(context).map(|()| {
                let seconds = STALL.as_secs();
                Some(Err(format!("nothing of the body came for {seconds} seconds").into()))
            });
        };
        if frame.is_none() || body.is_end_stream() {
            self.unread.store(false, Ordering::Release);
        }
        self.stalled = None;
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl<B: Arriving> Drop for Watched<B> {
    fn drop(&mut self) {
        let left = self.body.take().filter(|_| self.unread.load(Ordering::Acquire));
        if let (Some(body), Ok(runtime)) = (left, Handle::try_current()) {
            runtime.spawn(timeout(LEFT_OVER_TIME, throw_away(body)));
        }
    }
}

async fn throw_away(mut body: impl Arriving) {
    let mut taken = 0;
    while taken < LEFT_OVER
        && let Some(Ok(frame)) = body.frame().await
    {
        taken += frame.data_ref().map_or(0, Buf::remaining);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Bytes;
    use std::convert::Infallible;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_fails_and_one_that_is_slow_does_not() {
        let (sender, frames) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
        let frames = futures_util::stream::unfold(frames, |mut frames| async {
            let frame = frames.recv().await?;
            Some((frame, frames))
        });
        let (mut body, _) = watch(StreamBody::new(Box::pin(frames)));
        let slow = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(STALL - Duration::from_secs(1)).await;
                sender.send(Ok(Frame::data(Bytes::from_static(b"x")))).await.unwrap();
            }
            sleep(STALL * 2).await;
            drop(sender);
        });
        for _ in 0..3 {
            assert!(body.frame().await.unwrap().is_ok());
        }
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("60 seconds"), "{error}");
        slow.abort();
    }

    #[tokio::test]
    async fn a_body_that_was_read_does_not_end_the_connection() {
        let (body, unread) = watch(Full::new(Bytes::from_static(b"all of it")));
        let mut answer = Response::default();
        unread.tell(&mut answer);
        assert_eq!(answer.headers()[header::CONNECTION], "close");
        body.collect().await.unwrap();
        let mut answer = Response::default();
        unread.tell(&mut answer);
        assert!(answer.headers().get(header::CONNECTION).is_none());
    }
}
