//! The way to KMS: TCP to the region's endpoint, Mozilla's roots, the owner's credentials.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;
use serde::Deserialize;
use strongroom_kms::{
    AwsCredentials, BoxStream, Clock, EncryptionContext, HostCredentials, KeyArn, Kms, KmsConfig, Region,
    TlsRoots,
};
use strongroom_seal::package::{Manifest, SignedManifest, WrappedKey};
use strongroom_seal::secret::DataKey;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::{CREDENTIAL_TIME, KMS_CONNECT, MAX_SMALL_FILE_BYTES};
use crate::secret::SecretFile;

/// How KMS is reached.
#[derive(Args)]
pub(crate) struct KmsArgs {
    /// ARN of the KMS key that wraps data keys; an alias is refused
    #[arg(long, value_name = "ARN")]
    pub(crate) kms_key: KeyArn,
    #[command(flatten)]
    reach: Reach,
}

/// Where KMS is and as whom it is asked.
#[derive(Args)]
pub(crate) struct Reach {
    /// Dial this address in place of the region's KMS endpoint, whose name TLS still demands
    #[arg(long, value_name = "HOST:PORT")]
    kms_connect: Option<String>,
    /// PEM certificates that may vouch for KMS, in place of Mozilla's
    #[arg(long, value_name = "FILE")]
    kms_roots: Option<PathBuf>,
    /// AWS credentials as a credential process prints them; else from the AWS_* environment
    #[arg(long, value_name = "@FILE")]
    credentials: Option<SecretFile>,
}

impl KmsArgs {
    /// A fresh data key for a package, in the clear and wrapped.
    pub(crate) async fn data_key<M: Manifest>(
        &self,
        package: &SignedManifest<M>,
    ) -> Result<(DataKey, WrappedKey)> {
        let context = EncryptionContext::new(package.encryption_context())?;
        let kms = self.reach.connect(self.kms_key.region())?;
        let mut made = kms.generate_data_key(&self.kms_key, &context).await?;
        let blob = made.wrapped.as_bytes().to_vec();
        let wrapped = WrappedKey { key_arn: self.kms_key.as_str().to_owned(), blob };
        Ok((DataKey::take(&mut made.plaintext), wrapped))
    }
}

impl Reach {
    /// A client of the region's KMS.
    pub(crate) fn connect(&self, region: &Region) -> Result<Kms> {
        let clock = Clock::new(SystemTime::now);
        let credentials = HostCredentials::new(clock.clone());
        credentials.set(self.credentials()?);
        let region = region.clone();
        let address = self.kms_connect.clone().unwrap_or_else(|| format!("{}:443", region.kms_host()));
        let dial = Arc::new(move || dial(address.clone()));
        Ok(Kms::new(KmsConfig { region, dial, roots: self.roots()?, clock, credentials })?)
    }

    fn roots(&self) -> Result<TlsRoots> {
        match &self.kms_roots {
            Some(path) => Ok(TlsRoots::from_pem(&files::read(path, MAX_SMALL_FILE_BYTES)?)?),
            None => Ok(TlsRoots::from_der(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| root.to_vec()),
            )?),
        }
    }

    fn credentials(&self) -> Result<AwsCredentials> {
        match &self.credentials {
            Some(file) => from_process(&file.read()?),
            None => from_environment(),
        }
    }
}

fn dial(address: String) -> Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send>> {
    Box::pin(async move {
        let stream = tokio::time::timeout(KMS_CONNECT, TcpStream::connect(address)).await??;
        Ok(Box::new(stream) as BoxStream)
    })
}

/// What a credential process prints (AWS SDKs and tools reference, "Process credential provider").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

fn from_process(json: &str) -> Result<AwsCredentials> {
    let given: ProcessCredentials = serde_json::from_str(json)
        .map_err(|_| CliError::usage("the credentials are not the JSON of a credential process"))?;
    let (secret, token) = (given.secret_access_key.into(), given.session_token.map(Zeroizing::new));
    Ok(credentials(given.access_key_id, secret, token))
}

fn from_environment() -> Result<AwsCredentials> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new);
    let missing = || {
        CliError::usage(
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --credentials @FILE",
        )
    };
    let id = variable("AWS_ACCESS_KEY_ID").ok_or_else(missing)?;
    let secret = variable("AWS_SECRET_ACCESS_KEY").ok_or_else(missing)?;
    Ok(credentials(id.to_string(), secret, variable("AWS_SESSION_TOKEN")))
}

fn credentials(id: String, secret: Zeroizing<String>, token: Option<Zeroizing<String>>) -> AwsCredentials {
    match token {
        // The command ends long before a credential does; whether it has ended already is for AWS to say.
        Some(token) => AwsCredentials::temporary(id, secret, token, SystemTime::now() + CREDENTIAL_TIME),
        None => AwsCredentials::long_lived(id, secret),
    }
}
