//! The instance metadata service.

use http::StatusCode;
use http::header::DATE;

use super::Finding;
use crate::config::Settings;
use crate::credentials::{Imds, ImdsError};
use crate::services::printable;
use crate::store::Region;

const REGION_PATH: &str = "/latest/meta-data/placement/region";
const ROOT_PATH: &str = "/latest/meta-data/";

const REACH: &str = "allow it on the instance: `aws ec2 modify-instance-metadata-options --http-endpoint enabled \
    --http-tokens required`; in a container also `--http-put-response-hop-limit 2`, because each bridge is a hop";
const TOKENS: &str = "require tokens, so that a forged request from this machine gets no credentials: \
    `aws ec2 modify-instance-metadata-options --http-tokens required`";

/// What the service said, if it is to be asked at all.
pub(super) enum Survey {
    NotUsed,
    Failed(ImdsError),
    Said { date: Option<String>, region: Option<Region>, takes_version_1: bool },
}

impl Survey {
    pub(super) fn region(&self) -> Option<Region> {
        if let Self::Said { region, .. } = self { region.clone() } else { None }
    }

    /// The `Date` of its answer.
    pub(super) fn date(&self) -> Option<&str> {
        if let Self::Said { date, .. } = self { date.as_deref() } else { None }
    }
}

/// Asks for a token, for the region, and for something without a token.
pub(super) async fn survey(settings: &Settings) -> Survey {
    match &settings.credentials_imds {
        None => Survey::NotUsed,
        Some(imds) => ask(imds).await.unwrap_or_else(Survey::Failed),
    }
}

async fn ask(imds: &Imds) -> Result<Survey, ImdsError> {
    let token = imds.token().await?;
    if token.status() != StatusCode::OK {
        return Err(ImdsError::Status(token.status().as_u16()));
    }
    let date = token.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let region = imds.get(REGION_PATH, Some(token.body())).await?;
    let region = if region.status() == StatusCode::OK { printable(region.body()).parse().ok() } else { None };
    let bare = imds.get(ROOT_PATH, None).await?;
    Ok(Survey::Said { date, region, takes_version_1: bare.status() == StatusCode::OK })
}

/// Whether it is reached, and insists on tokens.
pub(super) fn check(survey: &Survey) -> Finding {
    match survey {
        Survey::NotUsed => Finding::skip("credentials-imds is not set"),
        Survey::Failed(error) => Finding::fail(error, REACH),
        Survey::Said { takes_version_1: true, .. } => {
            Finding::warn("reached; it also answers version 1, without a token", TOKENS)
        }
        Survey::Said { .. } => Finding::pass("reached; it insists on tokens"),
    }
}
