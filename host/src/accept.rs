//! Takes connections of the enclave, a bounded number at once.

use std::sync::Arc;

use strongroom_link::{Listener, Stream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::limits::ACCEPT_PAUSE;
use crate::trouble::Trouble;

/// Hands each connection to `serve`; one beyond `max` is closed at once. Never returns.
pub(crate) async fn accept_all<F, S>(listener: Listener, max: usize, what: &'static str, serve: S)
where
    S: Fn(Stream) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(max));
    let (trouble, mut tasks) = (Trouble::default(), JoinSet::new());
    loop {
        let accepted = listener.accept().await;
        trouble.tell_accept(what, &accepted);
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
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
