//! One byte of the sealed package is changed on the host's disk.

use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Status;

use super::stage::Stage;
use super::{Ending, Teller};
use crate::world::{
    EnclaveOptions, EnclaveProcess, HostOptions, HostProcess, READY, WorldError, bundled_model, wait_for,
};

/// The exit code of a damaged sealed file, for owners.
const DAMAGED: &str = "20";

pub(super) async fn mount(teller: &Teller) -> Result<Ending, WorldError> {
    let stage = Stage::set().await?;
    let package = stage.owner.package(&bundled_model()?.id);
    let mut bytes = std::fs::read(&package).map_err(WorldError::io("sealed package"))?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    std::fs::write(&package, bytes).map_err(WorldError::io("sealed package"))?;
    teller.step(&format!("changed byte {middle} of the sealed package"));
    let enclave = EnclaveOptions::default();
    let _enclave = EnclaveProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &enclave)?;
    let host =
        HostProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &HostOptions::default()).await?;
    let service = stage.sockets.endpoint("enclave");
    let refusal = std::sync::Mutex::new(String::new());
    let judged = async || match status(&service).await {
        Some(status) if !status.refusal.is_empty() => {
            *refusal.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = status.refusal;
            true
        }
        Some(status) => status.serving,
        None => false,
    };
    if !wait_for(READY, judged).await {
        return Err(WorldError::NotReady("the enclave did not judge the package".into()));
    }
    if host.is_serving().await {
        return Ok(Ending::Succeeded("the enclave serves a changed model"));
    }
    let refusal = refusal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    teller.step(&format!("the enclave says: {refusal}"));
    if !refusal.contains("damaged") {
        return Err(WorldError::NotReady(format!("refused for another reason: {refusal}")));
    }
    Ok(Ending::Refused { code: DAMAGED.to_owned(), by: "enclave" })
}

/// Asks the enclave what it says of itself, as any host can.
async fn status(service: &strongroom_link::Endpoint) -> Option<Status> {
    let limit = std::time::Duration::from_secs(5);
    let mux = strongroom_link::Mux::new(service.connect(limit).await.ok()?);
    let reply = mux.call(Kind::Status, bytes::Bytes::new(), limit).await.ok()?;
    let (_, payload) = reply.into_coded().ok()?;
    Status::decode(&payload).ok()
}
