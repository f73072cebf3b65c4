//! Pushes a changed release to the enclave, also after the enclave came back.

use std::sync::Arc;

use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Stamp, Store, StoreError};
use crate::limits::{RELEASE_DEADLINE, RELEASE_RETRY};
use crate::relay::Relay;

/// One state of the release, pushed to one life of the connection.
type Pushed = (Stamp, u64);

/// Watches the store. Never returns.
pub(crate) async fn run(store: Arc<Store>, relay: Arc<Relay>) {
    let mut tick = interval(store.period());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut pushed): (Option<Stamp>, Option<Pushed>) = (None, None);
    let (mut trouble, mut not_before) = (None, Instant::now());
    loop {
        tick.tick().await;
        let looked = store.release_stamp().await;
        tell_change(&mut trouble, looked.as_ref().err());
        let before = std::mem::replace(&mut seen, looked.ok());
        let Some(due) = due(before, seen.as_ref(), relay.generation(), pushed.as_ref()) else { continue };
        if Instant::now() < not_before {
            continue;
        }
        if push(&store, &relay).await {
            pushed = Some(due);
        } else {
            not_before = Instant::now() + RELEASE_RETRY;
        }
    }
}

/// Logs trouble when it begins or changes, not at every look.
fn tell_change(trouble: &mut Option<StoreError>, now: Option<&StoreError>) {
    if trouble.as_ref() != now {
        match now {
            Some(error) => tracing::warn!(%error, "cannot look at the release in the store"),
            None => tracing::info!("the release in the store is found"),
        }
        *trouble = now.copied();
    }
}

/// What has to be pushed: a settled release, to a connection that has not had it. A file has settled
/// when two looks found it the same.
fn due(
    before: Option<Stamp>,
    now: Option<&Stamp>,
    generation: Option<u64>,
    pushed: Option<&Pushed>,
) -> Option<Pushed> {
    let wanted = (now?.clone(), generation?);
    let settled = wanted.0.is_settled() || before.as_ref() == now;
    (settled && pushed != Some(&wanted)).then_some(wanted)
}

/// Whether the enclave has judged the release, for or against.
async fn push(store: &Store, relay: &Relay) -> bool {
    let bundle = match store.release().await {
        Ok(bundle) => bundle,
        Err(error) => {
            tracing::warn!(%error, "release not readable");
            return false;
        }
    };
    match relay.call(Kind::Release, bundle.into(), RELEASE_DEADLINE).await {
        Ok(_) => {
            tracing::info!(code = ?Code::Ok, "release pushed to the enclave");
            true
        }
        Err(code) => {
            tracing::warn!(?code, "release not taken by the enclave");
            !matches!(code, Code::Busy | Code::Unavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn due(
        before: Option<Stamp>,
        now: Option<Stamp>,
        generation: Option<u64>,
        pushed: Option<&Pushed>,
    ) -> Option<Pushed> {
        super::due(before, now.as_ref(), generation, pushed)
    }

    #[test]
    fn a_file_is_pushed_once_settled_and_once_per_connection() {
        let stamp = |bytes| Some(Stamp::File { modified: SystemTime::UNIX_EPOCH, bytes });
        let first = (stamp(1).unwrap(), 1);
        assert_eq!(due(None, stamp(1), Some(1), None), None, "seen only once");
        assert_eq!(due(stamp(1), stamp(2), Some(1), None), None, "still being written");
        assert_eq!(due(stamp(1), stamp(1), None, None), None, "no enclave");
        assert_eq!(due(stamp(1), stamp(1), Some(1), None).as_ref(), Some(&first));
        assert_eq!(due(stamp(1), stamp(1), Some(1), Some(&first)), None, "pushed already");
        assert!(due(stamp(2), stamp(2), Some(1), Some(&first)).is_some(), "changed");
        assert!(due(stamp(1), stamp(1), Some(2), Some(&first)).is_some(), "connected again");
        assert_eq!(due(stamp(1), None, Some(1), Some(&first)), None, "removed");
    }

    #[test]
    fn an_object_is_pushed_at_first_sight_and_once() {
        let stamp = |tag: &str| Some(Stamp::Object(tag.to_owned()));
        let first = due(None, stamp("a"), Some(1), None).unwrap();
        assert_eq!(due(stamp("a"), stamp("a"), Some(1), Some(&first)), None);
        assert!(due(stamp("a"), stamp("b"), Some(1), Some(&first)).is_some());
    }
}
