//! What the enclave asks its host for.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use strongroom_link::{Answer, Handler, Listener, serve as serve_link};
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::{BootDocuments, Credentials, Range};

use super::Plot;

/// Requests of one connection that are worked on at once.
const AT_ONCE: usize = 16;

pub(super) async fn serve(listener: Listener, plot: Arc<Plot>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reader, writer) = stream.into_split();
        tokio::spawn(serve_link(reader, writer, Arc::new(Asked(Arc::clone(&plot))), AT_ONCE));
    }
}

struct Asked(Arc<Plot>);

impl Handler for Asked {
    fn takes(&self, kind: Kind) -> bool {
        matches!(
            kind,
            Kind::Boot
                | Kind::Credentials
                | Kind::Range
                | Kind::Log
                | Kind::Audit
                | Kind::State
                | Kind::Report
        )
    }

    async fn handle(&self, kind: Kind, body: Bytes, _: usize) -> Option<Answer> {
        let plot = &self.0;
        plot.tape.record(&body);
        let honest = match kind {
            Kind::Boot => plot.boot_documents(),
            Kind::Credentials => plot.role_credentials(),
            Kind::Range => plot.range(&body),
            _ => {
                plot.kept.lock().unwrap_or_else(PoisonError::into_inner).push((kind, body.to_vec()));
                if kind == Kind::Log {
                    return None;
                }
                Some(Vec::new())
            }
        };
        let mut misdeeds = plot.misdeeds.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match &mut misdeeds.told {
            Some(told) => told(kind, &body, honest),
            None => honest,
        };
        Some(match told {
            Some(bytes) => Answer { kind: Kind::HostReply, parts: vec![bytes.into()] },
            None => Answer { kind: Kind::Absent, parts: Vec::new() },
        })
    }
}

impl Plot {
    pub(crate) fn boot_documents(&self) -> Option<Vec<u8>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let state = kept.iter().rev().find(|(kind, _)| *kind == Kind::State);
        let documents = BootDocuments {
            charter: fs::read(self.store.join("charter.cose")).ok()?,
            release: fs::read(self.store.join("release.bundle")).ok()?,
            state: state.map(|(_, body)| body.clone()).unwrap_or_default(),
        };
        documents.encode().ok()
    }

    fn role_credentials(&self) -> Option<Vec<u8>> {
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&self.credentials).ok()?).ok()?;
        let text = |field: &str| Some(json.get(field)?.as_str()?.to_owned());
        let credentials = Credentials {
            access_key_id: text("AccessKeyId")?,
            secret_access_key: text("SecretAccessKey")?,
            session_token: text("SessionToken")?,
            expires_ms: strongroom_e2e::now().as_millis() + 3_600_000,
        };
        credentials.encode().ok()
    }

    fn range(&self, body: &[u8]) -> Option<Vec<u8>> {
        let Range { package, offset, length } = Range::decode(body).ok()?;
        let mut file = fs::File::open(self.store.join("packages").join(package.file_name())).ok()?;
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = Vec::new();
        file.take(length.into()).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}
