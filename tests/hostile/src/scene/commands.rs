//! The shipped command, as the clients of a scene call it.

use std::path::Path;

use strongroom_sim::world::{Output, WorldError, bundled_folder};

use super::Scene;
use crate::Found;

impl Scene {
    /// The shipped command against this host, with `arguments` after the common ones.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn command(&self, command: &str, arguments: &[String]) -> Result<Output, WorldError> {
        self.command_of("client", command, arguments).await
    }

    /// The same of one client among several, each of whom remembers for itself what it was shown.
    async fn command_of(&self, client: &str, command: &str, more: &[String]) -> Result<Output, WorldError> {
        let url = format!("--url={}", self.host.url());
        self.offline(client, [&[command.to_owned(), url], more].concat()).await
    }

    async fn offline(&self, client: &str, mut arguments: Vec<String>) -> Result<Output, WorldError> {
        arguments.push(format!("--trust={}", self.ground.layout.trust().display()));
        let state = self.ground.layout.owner(&format!("{client}-state")).display().to_string();
        self.binaries.strongroom(arguments, &[("XDG_STATE_HOME", state.as_str())]).await
    }

    /// How `strongroom verify` judges: [`Found::SUCCEEDED`], or its exit code and the first check that failed.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn verdict(&self) -> Result<String, WorldError> {
        Ok(verdict(&self.command("verify", &[]).await?))
    }

    /// How `strongroom receipt verify` judges a receipt, in the same words.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn receipt_verdict(&self, receipt: &Path, evidence: &Path) -> Result<String, WorldError> {
        let receipt = receipt.display().to_string();
        let evidence = format!("--evidence={}", evidence.display());
        Ok(verdict(
            &self
                .offline("client", vec!["receipt".to_owned(), "verify".to_owned(), receipt, evidence])
                .await?,
        ))
    }

    /// How `strongroom infer` ends with the bundled request: [`Found::SUCCEEDED`], or its exit code.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn inference(&self) -> Result<String, WorldError> {
        self.inference_of("client", &[]).await
    }

    /// The same of one client among several, with `more` arguments.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn inference_of(&self, client: &str, more: &[String]) -> Result<String, WorldError> {
        let key = format!("--api-key=@{}", self.ground.layout.api_key().display());
        let input = format!("--input={}", bundled_folder()?.join("request.json").display());
        let arguments = [&[key, "--model=fraud".to_owned(), input], more].concat();
        let output = self.command_of(client, "infer", &arguments).await?;
        Ok(if output.code == 0 { Found::SUCCEEDED.to_owned() } else { format!("exit {}", output.code) })
    }
}

/// What a command that prints its checks found.
fn verdict(output: &Output) -> String {
    let failed = output.stdout.lines().find_map(|line| line.trim_start().strip_prefix("FAIL "));
    let check = failed.and_then(|line| line.split([':', ' ']).next()).unwrap_or("no check");
    match output.code {
        0 => Found::SUCCEEDED.to_owned(),
        code => format!("exit {code}: {check}"),
    }
}
