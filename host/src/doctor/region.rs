//! One region for instance, KMS and S3.

use super::Finding;
use super::imds::Survey;
use crate::config::Settings;
use crate::store::Region;

/// Whether everything that names a region names the same.
pub(super) fn check(settings: &Settings, imds: &Survey) -> Finding {
    let kms = settings.kms.as_ref().and_then(|kms| Region::of_host(kms.host()));
    let known = [("instance", imds.region()), ("kms", kms), ("s3-region", settings.s3_region.clone())];
    let known: Vec<_> = known.into_iter().filter_map(|(who, region)| Some((who, region?))).collect();
    let said: Vec<_> = known.iter().map(|(who, region)| format!("{who} {region}")).collect();
    let said = said.join(", ");
    match known.as_slice() {
        [] => Finding::skip("nothing names a region"),
        [(_, first), rest @ ..] if rest.iter().all(|(_, region)| region == first) => Finding::pass(said),
        _ => Finding::fail(
            said,
            "name one region in kms and s3-region, that of the instance and of the charter's KMS keys",
        ),
    }
}
