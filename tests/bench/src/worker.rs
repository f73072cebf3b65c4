//! Our engine alone in a process that runs when it is told to, so that rounds of ours and of a peer's take turns without
//! loading a model each time.
//!
//! It says `ready` with what loading took, in JSON on a line; then, for each line `SECONDS THREADS` on stdin, one line with
//! what it measured. Workers of peers (`tests/bench/peers`) say and hear the same.

use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_engine::{DeriveOptions, LoadError, Model, derive};
use strongroom_seal::tensor::Tensor;
use zeroize::Zeroizing;

use crate::cpu::Reading;
use crate::error::BenchError;
use crate::latency::Latencies;
use crate::limits::MAX_RUN;
use crate::request::BenchRequest;

/// A model in our engine, and what it is asked.
pub(crate) struct Worker {
    model: Model,
    request: BenchRequest,
    loaded: Duration,
}

impl Worker {
    /// Derives the interface as an owner does, and loads the model as the enclave does.
    pub(crate) fn load(
        onnx: Vec<u8>,
        options: &DeriveOptions,
        request: BenchRequest,
    ) -> Result<Self, BenchError> {
        let refused = |error: LoadError| BenchError::Refused(error.to_string());
        let (interface, _) = derive(Zeroizing::new(onnx.clone()), options).map_err(refused)?;
        let start = Instant::now();
        let model = Model::load(Zeroizing::new(onnx), &interface).map_err(refused)?;
        let worker = Self { model, request, loaded: start.elapsed() };
        worker.once()?;
        Ok(worker)
    }

    /// Serves lines until stdin ends.
    pub(crate) fn serve(&self, lines: impl BufRead, mut out: impl Write) -> Result<(), BenchError> {
        let ready = json!({ "ready": true, "load_ms": self.loaded.as_secs_f64() * 1e3 });
        writeln!(out, "{ready}").and_then(|()| out.flush()).map_err(BenchError::io("stdout"))?;
        for line in lines.lines() {
            let line = line.map_err(BenchError::io("stdin"))?;
            let answer = self.measure(&line)?;
            writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(BenchError::io("stdout"))?;
        }
        Ok(())
    }

    fn measure(&self, line: &str) -> Result<serde_json::Value, BenchError> {
        let (lasting, threads) = order(line)?;
        let own = [format!("worker={}", std::process::id()).parse().map_err(BenchError::Argument)?];
        let (before, start) = (Reading::take(&own)?, Instant::now());
        let latencies = self.run_for(lasting, threads)?;
        let (seconds, used) = (start.elapsed().as_secs_f64(), Reading::take(&own)?.since(&before));
        let latency = latencies.summary();
        Ok(json!({
            "threads": threads, "seconds": seconds, "per_second": latency.count as f64 / seconds,
            "cpu_us_each": used.micros_each(latency.count), "latency": latency,
        }))
    }

    fn run_for(&self, lasting: Duration, threads: usize) -> Result<Latencies, BenchError> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let each = || self.run_until(&stop);
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
            std::thread::sleep(lasting);
            stop.store(true, Ordering::Relaxed);
            let mut all = Latencies::new()?;
            for thread in running {
                let own = thread.join().map_err(|_| BenchError::Refused("a run panicked".into()))??;
                all.merge(&own)?;
            }
            Ok(all)
        })
    }

    /// One run at least, however long it takes.
    fn run_until(&self, stop: &AtomicBool) -> Result<Latencies, BenchError> {
        let mut latencies = Latencies::new()?;
        loop {
            let start = Instant::now();
            self.once()?;
            latencies.add(start.elapsed());
            if stop.load(Ordering::Relaxed) {
                return Ok(latencies);
            }
        }
    }

    fn once(&self) -> Result<Vec<Tensor<'static>>, BenchError> {
        let refused = |error: strongroom_engine::RunError| BenchError::Refused(error.to_string());
        let inputs = self.model.admit(self.request.tensors(), &[]).map_err(refused)?;
        self.model.run(inputs).map_err(refused)
    }
}

fn order(line: &str) -> Result<(Duration, usize), BenchError> {
    let wrong = || BenchError::Argument("expected SECONDS THREADS".into());
    let (seconds, threads) = line.trim().split_once(' ').ok_or_else(wrong)?;
    let seconds = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let seconds = seconds.filter(|seconds| *seconds <= MAX_RUN).ok_or_else(wrong)?;
    let threads = threads.parse().ok().filter(|threads| (1..=1024).contains(threads)).ok_or_else(wrong)?;
    Ok((seconds, threads))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_have_seconds_and_threads() {
        assert_eq!(order("0.5 2\n").unwrap(), (Duration::from_millis(500), 2));
        for bad in ["", "1", "x 1", "1 0", "-1 1", "1e9 1", "1 5000"] {
            assert!(order(bad).is_err(), "{bad}");
        }
    }
}
