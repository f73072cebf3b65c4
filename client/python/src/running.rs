//! Where calls run: threads of their own, with the interpreter's lock released while Python waits.

use std::sync::OnceLock;
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::failure::Failure;

/// How long Python waits before it looks for Ctrl-C again.
const SIGNAL_PERIOD: Duration = Duration::from_millis(50);

/// Threads that wait for the network. Decryption is done on them, too.
const THREADS: usize = 2;

/// What a call gives, made into objects where the lock is held.
pub(crate) type Given = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A call that hands its result to a callback.
#[pyclass(frozen, module = "strongroom._native")]
pub(crate) struct Task(AbortHandle);

#[pymethods]
impl Task {
    /// Ends it. The callback is not called any more, unless it was about to be.
    fn cancel(&self) {
        self.0.abort();
    }
}

/// Waits for a call, or starts one that will call `callback(result, error)` from another thread.
pub(crate) fn run(
    py: Python<'_>,
    callback: Option<Py<PyAny>>,
    work: impl Future<Output = Result<Given, Failure>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let runtime = runtime().map_err(|failure| failure.raised(py))?;
    match callback {
        None => wait(py, runtime, work),
        Some(callback) => {
            let task = runtime.spawn(async move {
                let done = work.await;
                // Not where the interpreter is ending: nobody waits there.
                Python::try_attach(|py| tell(py, &callback, done));
            });
            Ok(Py::new(py, Task(task.abort_handle()))?.into_any())
        }
    }
}

fn wait(
    py: Python<'_>,
    runtime: &Runtime,
    work: impl Future<Output = Result<Given, Failure>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let mut task = runtime.spawn(work);
    loop {
        let period = || runtime.block_on(async { tokio::time::timeout(SIGNAL_PERIOD, &mut task).await });
        match py.detach(period) {
            Ok(Ok(Ok(given))) => return given(py),
            Ok(Ok(Err(failure))) => return Err(failure.raised(py)),
            Ok(Err(_)) => return Err(Failure::local("the call ended without a result").raised(py)),
            Err(_) => py.check_signals().inspect_err(|_| task.abort())?,
        }
    }
}

fn tell(py: Python<'_>, callback: &Py<PyAny>, done: Result<Given, Failure>) {
    let told = match done.map(|given| given(py)) {
        Ok(Ok(result)) => callback.call1(py, (result, py.None())),
        Ok(Err(error)) => callback.call1(py, (py.None(), error.into_value(py))),
        Err(failure) => failure.exception(py).and_then(|error| callback.call1(py, (py.None(), error))),
    };
    if let Err(error) = told {
        error.write_unraisable(py, Some(callback.bind(py)));
    }
}

/// The threads of this process. A forked child has none of its parent's.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<Result<(u32, Runtime), String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("strongroom").enable_all().build();
        runtime.map(|runtime| (std::process::id(), runtime)).map_err(|error| error.kind().to_string())
    });
    match made {
        Ok((process, runtime)) if *process == std::process::id() => Ok(runtime),
        Ok(_) => Err(Failure::usage(
            "strongroom was used before this process was forked: use it after the fork alone",
        )),
        Err(kind) => Err(Failure::local(format!("no threads: {kind}"))),
    }
}
