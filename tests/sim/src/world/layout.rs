//! Where a simulation keeps its files.

use std::path::{Path, PathBuf};

use super::WorldError;

/// The state directory and what stands in it.
#[derive(Clone, Debug)]
pub struct Layout(PathBuf);

impl Layout {
    /// Makes the directories that are missing and touches nothing else.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn create(directory: &Path) -> Result<Self, WorldError> {
        let packages = directory.join("store").join("packages");
        for folder in [&packages, &directory.join("owner"), &directory.join("kms")] {
            std::fs::create_dir_all(folder).map_err(WorldError::io(folder.display().to_string()))?;
        }
        let absolute = directory.canonicalize();
        absolute.map(Self).map_err(WorldError::io(directory.display().to_string()))
    }

    /// The state directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Simulated Nitro PKI.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    /// Simulated TLS authority of KMS.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// Root certificate of that authority in PEM, as the enclave's image holds it.
    #[must_use]
    pub fn kms_roots(&self) -> PathBuf {
        self.0.join("kms-roots.pem")
    }

    /// Keys of the simulated KMS.
    #[must_use]
    pub fn kms(&self) -> PathBuf {
        self.0.join("kms")
    }

    /// The owner's own files; never read by host or enclave.
    #[must_use]
    pub fn owner(&self, name: &str) -> PathBuf {
        self.0.join("owner").join(name)
    }

    /// What the host serves the enclave from.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// What the host keeps for the enclave: audit log and state.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        self.0.join("kept")
    }

    /// The host's temporary credentials.
    #[must_use]
    pub fn host_credentials(&self) -> PathBuf {
        self.0.join("host-credentials.json")
    }

    /// What clients demand.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.0.join("trust.toml")
    }

    /// A client's API key.
    #[must_use]
    pub fn api_key(&self) -> PathBuf {
        self.0.join("api-key")
    }
}
