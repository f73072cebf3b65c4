//! Clients that keep asking the bundled model while a test changes what is behind them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strongroom_client::{Client, InferRequest, Options, TrustFile, api_key};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::world::Layout;
use tokio::task::JoinHandle;

/// Time between two requests of one worker.
const PAUSE: Duration = Duration::from_millis(20);

/// A client of the simulation whose files these are.
pub(crate) fn client(layout: &Layout, url: &str) -> Client {
    let trust = TrustFile::parse(&std::fs::read(layout.trust()).unwrap()).unwrap();
    let key = std::fs::read_to_string(layout.api_key()).unwrap();
    Client::connect(url, trust, api_key::parse(key.trim()).unwrap(), Options::default()).unwrap()
}

/// A row whose first feature is `seed`, so that every request is another one.
pub(crate) fn row(seed: u16) -> InferRequest<'static> {
    let mut data = f32::from(seed).to_le_bytes().to_vec();
    data.resize(30 * 4, 0);
    let input = Tensor { name: "X".into(), dtype: DType::Fp32, shape: vec![1, 30], data: data.into() };
    InferRequest {
        model: "fraud".parse().unwrap(),
        version: None,
        inputs: vec![input],
        outputs: vec![],
        risk: BTreeMap::new(),
    }
}

/// Workers that ask one request after the other; each fails with its first request that does.
pub(crate) struct Load(Vec<JoinHandle<()>>);

impl Load {
    pub(crate) fn start(client: &Arc<Client>, workers: u16, requests_each: u16) -> Self {
        let worker = |worker: u16| {
            let client = Arc::clone(client);
            tokio::spawn(async move {
                for turn in 0..requests_each {
                    let answer = client.infer(row(1 + worker * requests_each + turn)).await;
                    assert!(answer.is_ok(), "{:?}", answer.err());
                    tokio::time::sleep(PAUSE).await;
                }
            })
        };
        Self((0..workers).map(worker).collect())
    }

    /// Waits for the last answer.
    pub(crate) async fn all_answered(self) {
        for worker in self.0 {
            worker.await.unwrap();
        }
    }
}
