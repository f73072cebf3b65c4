//! Arbitrary bytes as an attestation document: judged to the end without panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_attestation::{
    DebugImages, Demand, Expectations, Freshness, PcrDemand, TrustRoot, UnixMillis, verify,
};

/// Inside the life of a real document that serves as a seed.
const NOW: UnixMillis = UnixMillis::new(1_668_034_320_696);

fuzz_target!(|bytes: &[u8]| {
    let anything = Expectations {
        debug_images: DebugImages::DangerouslyAllowed,
        pcrs: PcrDemand::dangerously_any(),
        freshness: Freshness::DangerouslyAnyAge,
        nonce: Demand::DangerouslyAny,
        user_data: Demand::DangerouslyAny,
        public_key: Demand::DangerouslyAny,
    };
    let _ = verify(bytes, &TrustRoot::aws_nitro_g1(), NOW, &anything);
});
