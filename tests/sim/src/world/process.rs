//! Running the shipped binaries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::WorldError;

/// The shipped binaries: those that lie beside the running one.
#[derive(Clone, Debug)]
pub struct Binaries(PathBuf);

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code, −1 when it was killed.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Binaries {
    /// Those beside the running executable, or one folder above it where tests run.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] when they were not built.
    pub fn beside_this_one() -> Result<Self, WorldError> {
        let own = std::env::current_exe().map_err(WorldError::io("own path"))?;
        let folders = own.ancestors().skip(1).take(2);
        let found = folders.map(Path::to_path_buf).find(|folder| folder.join("strongroom-host").is_file());
        found.map(Self).ok_or_else(|| {
            WorldError::NotReady("strongroom-host is not beside this binary: build the workspace".into())
        })
    }

    /// The path of one of them.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs the owner's or client's command to its end.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn strongroom<I, A>(&self, args: I, env: &[(&str, &str)]) -> Result<Output, WorldError>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        let mut command = Command::new(self.path("strongroom"));
        command.args(args.into_iter().map(Into::into)).stdin(Stdio::null()).kill_on_drop(true);
        // Nothing of the caller's own AWS configuration may reach a simulation.
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "STRONGROOM_API_KEY"]
        {
            command.env_remove(name);
        }
        command.envs(env.iter().copied());
        let output = command.output().await.map_err(WorldError::io("strongroom"))?;
        Ok(Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// Asks again until `ready` or the time is over.
pub async fn wait_for<F, R>(limit: Duration, mut ready: F) -> bool
where
    F: FnMut() -> R,
    R: Future<Output = bool>,
{
    let start = Instant::now();
    while start.elapsed() < limit {
        if ready().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
