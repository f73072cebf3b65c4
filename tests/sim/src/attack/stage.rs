//! The stage of an attack: an honest owner, and the parts that the host controls.

use std::path::PathBuf;

use crate::world::{
    Binaries, Ground, Output, Owner, ReleasePlan, Sockets, WorldError, bundled_folder, bundled_model,
};

/// An honest deployment, before any enclave or host runs.
pub(super) struct Stage {
    pub(super) binaries: Binaries,
    pub(super) ground: Ground,
    pub(super) owner: Owner,
    pub(super) sockets: Sockets,
}

impl Stage {
    pub(super) async fn set() -> Result<Self, WorldError> {
        let binaries = Binaries::beside_this_one()?;
        let sockets = Sockets::fresh()?;
        let ground = Ground::prepare(&sockets.path().join("state")).await?;
        let owner = Owner::establish(&ground, &binaries).await?;
        owner.release(&ReleasePlan::first(vec![bundled_model()?])).await?;
        Ok(Self { binaries, ground, owner, sockets })
    }

    /// An honest client asks the bundled model at `url`.
    pub(super) async fn infer(&self, url: &str) -> Result<Output, WorldError> {
        let layout = &self.ground.layout;
        let args = [
            "infer".to_owned(),
            format!("--url={url}"),
            format!("--trust={}", layout.trust().display()),
            format!("--api-key=@{}", layout.api_key().display()),
            "--model=fraud".to_owned(),
            format!("--input={}", request()?.display()),
        ];
        self.binaries.strongroom(args, &[]).await
    }
}

fn request() -> Result<PathBuf, WorldError> {
    Ok(bundled_folder()?.join("request.json"))
}
