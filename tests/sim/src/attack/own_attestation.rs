//! The host answers with an attestation of its own: the genuine enclave binary under a PKI that the
//! host made, so that everything but the root is as the client expects it.

use super::stage::Stage;
use super::{Ending, Teller};
use crate::intercept::Interceptor;
use crate::nsm::system_clock;
use crate::pki::NitroPki;
use crate::world::{EnclaveOptions, EnclaveProcess, HostOptions, HostProcess, READY, WorldError};
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_attestation::claims::Claims;
use strongroom_attestation::{DocumentRequest, Nsm, PcrIndex};
use strongroom_proto::frame::Kind;
use strongroom_proto::hello::Evidence;
use strongroom_seal::digest::{CharterDigest, ClaimsDigest, OffersDigest};

use crate::nsm::{SimIdentity, SimNsm};

pub(super) async fn mount(teller: &Teller) -> Result<Ending, WorldError> {
    let stage = Stage::set().await?;
    let behind = stage.sockets.endpoint("behind");
    let enclave = EnclaveOptions { service: Some(behind.clone()), ..EnclaveOptions::default() };
    let _enclave = EnclaveProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &enclave)?;
    let forger = Forger::new(&stage)?;
    let forged = Arc::new(Mutex::new(0_u32));
    let count = Arc::clone(&forged);
    let front = stage.sockets.endpoint("enclave");
    let _interceptor = Interceptor::start(
        &front,
        behind,
        Arc::new(move |passing| {
            if !passing.inbound && passing.kind == Kind::Reply && forger.forge(passing.body).is_some() {
                *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
        }),
    )
    .map_err(|error| WorldError::NotReady(error.to_string()))?;
    let host =
        HostProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &HostOptions::default()).await?;
    host.wait_until_serving(READY).await?;
    let output = stage.infer(&host.url()).await?;
    if *forged.lock().unwrap_or_else(PoisonError::into_inner) == 0 {
        return Err(WorldError::NotReady("no evidence passed the host".into()));
    }
    teller.step(&format!("the client exited with {}: {}", output.code, output.stderr.trim()));
    if output.code == 0 {
        return Ok(Ending::Succeeded("the client sent its request to the host"));
    }
    Ok(Ending::Refused { code: output.code.to_string(), by: "client" })
}

/// Re-attests genuine evidence with a channel key that the host chose, under the host's own PKI.
struct Forger {
    nsm: SimNsm,
}

impl Forger {
    fn new(stage: &Stage) -> Result<Self, WorldError> {
        let wrong = |error: &dyn std::fmt::Display| WorldError::NotReady(error.to_string());
        let pki = Arc::new(NitroPki::generate(system_clock()())?);
        let executable = std::fs::read(stage.binaries.path("strongroom-sim-enclave"));
        let executable = executable.map_err(WorldError::io("enclave image"))?;
        let identity = SimIdentity {
            executable: &executable,
            role: "arn:aws:iam::111122223333:role/strongroom-host",
            instance: "i-0123456789abcdef0",
            debug: false,
        };
        let nsm = SimNsm::new(pki, identity, std::time::Duration::ZERO, system_clock())?;
        let charter = std::fs::read(stage.ground.layout.store().join("charter.cose"));
        let charter = CharterDigest::of(&charter.map_err(WorldError::io("charter"))?);
        nsm.extend(PcrIndex::CHARTER, charter.as_bytes()).map_err(|error| wrong(&error))?;
        nsm.lock(PcrIndex::CHARTER).map_err(|error| wrong(&error))?;
        Ok(Self { nsm })
    }

    /// Replaces the evidence in a reply; leaves every other reply alone.
    fn forge(&self, reply: &mut Vec<u8>) -> Option<()> {
        let (code, payload) = reply.split_first()?;
        let mut evidence = Evidence::decode(payload).ok()?;
        let mut claims = Claims::decode(&evidence.claims).ok()?;
        let key =
            strongroom_attestation::channel::OfferKey::generate(&ring::rand::SystemRandom::new()).ok()?;
        claims.channel_key = key.public().to_vec();
        evidence.claims = claims.encode().ok()?;
        let request = DocumentRequest::new()
            .with_nonce(OffersDigest::of(&evidence.offers).as_bytes().to_vec())
            .and_then(|r| r.with_user_data(ClaimsDigest::of(&evidence.claims).as_bytes().to_vec()));
        evidence.document = self.nsm.attest(&request.ok()?).ok()?;
        *reply = [&[*code], evidence.encode().ok()?.as_slice()].concat();
        Some(())
    }
}
