//! The metadata of an image: what it was made of and with. Not measured, and so no evidence of anything.

use serde::{Deserialize, Serialize};

/// The JSON that tools of AWS read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metadata {
    /// Name of the image.
    pub image_name: String,
    /// Its version.
    pub image_version: String,
    /// What built it.
    pub build_metadata: BuildMetadata,
    /// Always null here: there is no Docker in it.
    #[serde(default)]
    pub docker_info: serde_json::Value,
    /// What the builder adds: the versions of compiler and C library, for whoever builds it again.
    #[serde(default)]
    pub custom_metadata: serde_json::Value,
}

/// What built an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BuildMetadata {
    /// When; a fixed time, because the same sources must give the same bytes.
    pub build_time: String,
    /// With what.
    pub build_tool: String,
    /// Its version.
    pub build_tool_version: String,
    /// On what system.
    pub operating_system: String,
    /// The kernel inside.
    pub kernel_version: String,
}
