//! What loading a sealed package costs one core: judging its manifest, decrypting and hashing its chunks.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ring::rand::SystemRandom;
use strongroom_seal::key::{Algorithm, SigningKey, VerifyingKey};
use strongroom_seal::limits::DEFAULT_CHUNK_BYTES;
use strongroom_seal::package::{Accepted, Header, PrivateManifest, SignedManifest, WrappedKey, measure};
use strongroom_seal::secret::DataKey;

/// Bytes of the content.
const BYTES: usize = 16 << 20;

fn data_key() -> DataKey {
    DataKey::take(&mut [9; 32])
}

fn sealed() -> (VerifyingKey, [u8; 48], Vec<u8>) {
    let content: Vec<u8> = (0..BYTES).map(|at| (at ^ (at >> 8)) as u8).collect();
    let random = SystemRandom::new();
    let owner = SigningKey::generate(Algorithm::Es384, &random).unwrap().0;
    let measured = measure(&mut content.as_slice(), DEFAULT_CHUNK_BYTES).unwrap();
    let manifest = PrivateManifest { deployment: "d".parse().unwrap(), epoch: 1, content: measured };
    let signed = SignedManifest::sign(manifest, &owner, &random).unwrap();
    let wrapped = WrappedKey { key_arn: "arn".into(), blob: vec![1] };
    let mut package = Vec::new();
    signed.seal(&data_key(), wrapped, &mut content.as_slice(), &mut package).unwrap();
    (owner.public().clone(), signed.digest(), package)
}

fn open(keys: &[VerifyingKey], digest: &[u8; 48], package: &[u8]) {
    let (header, mut rest) = Header::split(package).unwrap();
    let deployment = "d".parse().unwrap();
    let accepted = Accepted::<PrivateManifest>::judge(header, keys, &deployment, digest).unwrap();
    let mut opener = accepted.opener(&data_key()).unwrap();
    let mut buffer = Vec::new();
    while opener.next_bytes() > 0 {
        let (chunk, after) = rest.split_at(opener.next_bytes());
        rest = after;
        buffer.clear();
        buffer.extend_from_slice(chunk);
        opener.open_next(&mut buffer).unwrap();
    }
    opener.finish().unwrap();
}

fn package(criterion: &mut Criterion) {
    let (owner, digest, package) = sealed();
    let mut group = criterion.benchmark_group("package");
    group.throughput(Throughput::Bytes(BYTES as u64));
    group.sample_size(20);
    group.bench_function("decrypt and verify 16 MiB", |bencher| {
        bencher.iter(|| open(std::slice::from_ref(&owner), &digest, &package));
    });
    group.finish();
}

criterion_group!(benches, package);
criterion_main!(benches);
