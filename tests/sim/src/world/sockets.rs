//! The sockets that stand for vsock, in a fresh directory with a short path.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use strongroom_link::Endpoint;

use super::WorldError;

/// A directory of sockets, removed when dropped. A unix socket's path has at most 107 bytes, so it does
/// not stand in the state directory, which may lie anywhere.
#[derive(Debug)]
pub struct Sockets(PathBuf);

impl Sockets {
    /// Makes a directory that only this user can enter.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn fresh() -> Result<Self, WorldError> {
        let mut random = [0; 6];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| WorldError::NotReady("no randomness".into()))?;
        let path = std::env::temp_dir().join(format!("strongroom-{}", hex::encode(random)));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(WorldError::io(path.display().to_string()))?;
        Ok(Self(path))
    }

    /// One of the sockets.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Endpoint {
        Endpoint::Unix(self.path().join(name))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
