//! Takes connections of the enclave, a bounded number at once.

use std::sync::Arc;

use strongroom_link::{Listener, Stream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::limits::ACCEPT_PAUSE;

/// Hands each connection to `serve`; one beyond `max` is closed at once. Never returns.
pub(crate) async fn accept_all<F, S>(listener: Listener, max: usize, what: &'static str, serve: S)
where
    S: Fn(Stream) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(max));
    let mut tasks = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(what, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tracing::warn!(what, max, "too many connections of the enclave");
            continue;
        };
        let work = serve(stream);
        tasks.spawn(async move {
            work.await;
            drop(slot);
        });
        while tasks.try_join_next().is_some() {}
    }
}
