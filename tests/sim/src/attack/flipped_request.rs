//! The host flips one byte of a sealed request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_proto::Code;
use strongroom_proto::frame::{Kind, split_reply};

use super::stage::Stage;
use super::{Ending, Teller};
use crate::intercept::{Interceptor, Meddle, Passing};
use crate::world::{EnclaveOptions, EnclaveProcess, HostOptions, HostProcess, READY, WorldError};

pub(super) async fn mount(teller: &Teller) -> Result<Ending, WorldError> {
    let stage = Stage::set().await?;
    let behind = stage.sockets.endpoint("behind");
    let enclave = EnclaveOptions { service: Some(behind.clone()), ..EnclaveOptions::default() };
    let _enclave = EnclaveProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &enclave)?;
    let (flipped, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let front = stage.sockets.endpoint("enclave");
    let meddle = flip(&flipped, &refused);
    let _interceptor = Interceptor::start(&front, behind, meddle)
        .map_err(|error| WorldError::NotReady(error.to_string()))?;
    let host =
        HostProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &HostOptions::default()).await?;
    host.wait_until_serving(READY).await?;
    let output = stage.infer(&host.url()).await?;
    if !flipped.load(Ordering::SeqCst) {
        return Err(WorldError::NotReady("no request passed the host".into()));
    }
    teller.step(&format!("the client exited with {}: {}", output.code, output.stderr.trim()));
    if output.code == 0 || !refused.load(Ordering::SeqCst) {
        return Ok(Ending::Succeeded("the enclave took a changed request"));
    }
    Ok(Ending::Refused { code: Code::Malformed.http_status().to_string(), by: "enclave" })
}

/// Flips the last byte of every message, and notes how the enclave replies.
fn flip(flipped: &Arc<AtomicBool>, refused: &Arc<AtomicBool>) -> Meddle {
    let (flipped, refused) = (Arc::clone(flipped), Arc::clone(refused));
    Arc::new(move |passing: Passing<'_>| match (passing.inbound, passing.kind) {
        (true, Kind::Message) => {
            if let Some(byte) = passing.body.last_mut() {
                *byte ^= 1;
                flipped.store(true, Ordering::SeqCst);
            }
        }
        (false, Kind::Reply) if matches!(split_reply(passing.body), Ok((Code::Malformed, _))) => {
            refused.store(true, Ordering::SeqCst);
        }
        _ => {}
    })
}
