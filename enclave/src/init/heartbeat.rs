//! Step 2: the byte for which `nitro-cli run-enclave` waits.
//!
//! It goes to a fixed address, that of AWS's own init, whatever the image's settings say.

use strongroom_link::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::limits::HEARTBEAT_TIME;

const PARENT: Endpoint = Endpoint::Vsock { cid: 3, port: 9000 };
const BYTE: u8 = 0xb7;

/// Sends the byte and waits for its echo.
pub(super) fn send() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| "no event loop".to_owned())?;
    match runtime.block_on(async { tokio::time::timeout(HEARTBEAT_TIME, beat()).await }) {
        Ok(Ok(BYTE)) => Ok(()),
        Ok(Ok(_)) => Err("heartbeat: another byte came back".to_owned()),
        Ok(Err(reason)) => Err(format!("heartbeat: {reason}")),
        Err(_) => Err("heartbeat: no answer".to_owned()),
    }
}

async fn beat() -> Result<u8, String> {
    let mut stream = PARENT.connect(HEARTBEAT_TIME).await.map_err(|error| error.to_string())?;
    stream.write_all(&[BYTE]).await.map_err(|error| error.kind().to_string())?;
    stream.read_u8().await.map_err(|error| error.kind().to_string())
}
