//! What a request costs before and behind the model: its record, and its form inside.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use strongroom_seal::message::{Ask, REQUEST_ID_BYTES, Request, RequestId};
use strongroom_seal::record::{RecordKey, request_record_bytes};
use strongroom_seal::tensor::{DType, Tensor};

/// Sizes of a tensor, in KiB.
const SIZES_KIB: [usize; 3] = [1, 64, 600];

const HEADER: [u8; 25] = [2; 25];

fn key() -> RecordKey {
    RecordKey::take(&mut [7; 32]).unwrap()
}

fn records(criterion: &mut Criterion) {
    let key = key();
    let mut group = criterion.benchmark_group("record");
    for kib in SIZES_KIB {
        let body = vec![3_u8; kib << 10];
        let record_bytes = request_record_bytes(body.len()).unwrap();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("seal", format!("{kib} KiB")), |bencher| {
            bencher.iter(|| key.seal_message(1, &HEADER, &[black_box(&body)], record_bytes).unwrap());
        });
        let message = key.seal_message(1, &HEADER, &[&body], record_bytes).unwrap();
        group.bench_function(BenchmarkId::new("open", format!("{kib} KiB")), |bencher| {
            let fresh = || message.clone();
            let open = |message| key.open_message(1, HEADER.len(), message).unwrap();
            bencher.iter_batched(fresh, open, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn ask(data: &[u8]) -> Ask<'_> {
    let shape = vec![data.len() as u64 / 4];
    let input = Tensor { name: "x".into(), dtype: DType::Fp32, shape, data: Cow::Borrowed(data) };
    Ask::Infer(Request {
        id: RequestId::new([1; REQUEST_ID_BYTES]),
        model: "model".parse().unwrap(),
        version: None,
        inputs: vec![input],
        outputs: vec![],
        risk: BTreeMap::new(),
    })
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for kib in SIZES_KIB {
        let data = vec![3_u8; kib << 10];
        let ask = ask(&data);
        group.throughput(Throughput::Bytes(data.len() as u64));
        group.bench_function(BenchmarkId::new("encode", format!("{kib} KiB")), |bencher| {
            bencher.iter(|| black_box(&ask).encode().unwrap());
        });
        let encoded = ask.encode().unwrap();
        group.bench_function(BenchmarkId::new("decode", format!("{kib} KiB")), |bencher| {
            bencher.iter(|| drop(black_box(Ask::decode(black_box(&encoded)).unwrap())));
        });
    }
    group.finish();
}

criterion_group!(benches, records, requests);
criterion_main!(benches);
