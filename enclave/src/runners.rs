//! The threads that run models: one for each core, for as long as the enclave lives.
//!
//! A run on whichever thread was free would find the engine's scratch memory and the allocator's of another thread cold, and
//! leave a copy of both behind on every thread that ever ran one.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use strongroom_engine::guarded;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Hands jobs to the threads. A job carries its turn, so that there are never more than threads.
pub(crate) struct Runners(Sender<Job>);

impl Runners {
    /// Starts the threads.
    pub(crate) fn start(cores: usize) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..cores {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name("run".to_owned()).spawn(move || serve(&queue))?;
        }
        Ok(Self(jobs))
    }

    /// Does `work` on one of the threads. Whoever stops waiting does not stop it. A panic in it goes on in whoever waits.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = oneshot::channel();
        let job = move || drop(done.send(guarded(work)));
        // The threads live as long as this does, and what a job does not send back has panicked.
        let _ = self.0.send(Box::new(job));
        match result.await {
            Ok(Ok(value)) => value,
            _ => resume_unwind(Box::new("in a run")),
        }
    }
}

fn serve(queue: &Mutex<Receiver<Job>>) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        // What it leaves behind when nobody waits for it may panic, too.
        let _ = guarded(job);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn as_many_jobs_run_at_once_as_there_are_threads() {
        let runners = Runners::start(2).unwrap();
        let met = Arc::new(Barrier::new(2));
        let meet = || {
            let met = Arc::clone(&met);
            runners.run(move || {
                met.wait();
                thread::current().name().map(str::to_owned)
            })
        };
        let both = async { tokio::join!(meet(), meet()) };
        let named = Some("run".to_owned());
        assert_eq!(timeout(Duration::from_secs(5), both).await, Ok((named.clone(), named)));
    }

    #[tokio::test]
    async fn a_panic_ends_in_whoever_waits_and_the_thread_goes_on() {
        let runners = Arc::new(Runners::start(1).unwrap());
        let own = Arc::clone(&runners);
        let waits = tokio::spawn(async move { own.run(|| panic!("on purpose")).await });
        assert!(waits.await.is_err_and(|error| error.is_panic()));
        assert_eq!(runners.run(|| 1).await, 1);
    }

    #[tokio::test]
    async fn who_stops_waiting_does_not_stop_the_job() {
        let runners = Runners::start(1).unwrap();
        let (begin, began) = channel();
        let (end, ended) = oneshot::channel();
        let job = runners.run(move || {
            began.recv().unwrap();
            end.send(()).unwrap();
        });
        assert!(timeout(Duration::from_millis(10), job).await.is_err());
        begin.send(()).unwrap();
        assert_eq!(ended.await, Ok(()));
    }
}
