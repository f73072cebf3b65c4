//! What sessions take in the enclave that nobody uses.

use strongroom_client::{Client, Options, TrustFile, api_key};
use strongroom_e2e::Stage;
use tokio::task::JoinSet;

use crate::SoakError;
use crate::command::{say, tell};
use crate::limits::{IDLE_KIB, IDLE_SESSIONS};
use crate::process::resident_kib;

/// Sessions before anything is measured, so that what is allocated once is there.
const FIRST: usize = 200;

/// Sessions that are opened at the same time.
const TOGETHER: usize = 32;

/// Opens them, and returns what of it breaks a promise.
pub(super) async fn measure() -> Result<Vec<String>, SoakError> {
    let stage = Stage::serving().await?;
    let trust = std::fs::read(stage.ground.layout.trust()).map_err(SoakError::io("trust file"))?;
    let (trust, enclave) = (TrustFile::parse(&trust)?, super::id(stage.enclave.id())?);
    open(&stage, &trust, FIRST).await?;
    let before = resident_kib(enclave);
    tell(&format!("opening {IDLE_SESSIONS} sessions"));
    open(&stage, &trust, IDLE_SESSIONS - FIRST).await?;
    let held = stage.status().await.map_or(0, |status| status.sessions);
    let taken = resident_kib(enclave).saturating_sub(before);
    // Those that were opened first count as the others.
    let all = taken * IDLE_SESSIONS as u64 / (IDLE_SESSIONS - FIRST) as u64;
    say(&format!("{held} idle sessions take {all} KiB of the enclave, {IDLE_KIB} KiB are allowed"));
    let mut broken = Vec::new();
    if held < IDLE_SESSIONS as u64 {
        broken.push(format!("of {IDLE_SESSIONS} sessions {held} are held"));
    }
    if all > IDLE_KIB {
        broken.push(format!("{IDLE_SESSIONS} idle sessions take {all} KiB"));
    }
    Ok(broken)
}

/// Opens sessions and forgets their clients: the enclave keeps the sessions.
async fn open(stage: &Stage, trust: &TrustFile, sessions: usize) -> Result<(), SoakError> {
    let key = std::fs::read_to_string(stage.ground.layout.api_key()).map_err(SoakError::io("API key"))?;
    let mut left = sessions;
    while left > 0 {
        let mut tasks = JoinSet::new();
        for _ in 0..left.min(TOGETHER) {
            let key = api_key::parse(key.trim())?;
            let client = Client::connect(&stage.host.url(), trust.clone(), key, Options::default())?;
            tasks.spawn(async move { client.session().await.map(drop) });
        }
        left -= tasks.len();
        while let Some(opened) = tasks.join_next().await {
            opened.map_err(|error| SoakError::unfit(error.to_string()))??;
        }
    }
    Ok(())
}
