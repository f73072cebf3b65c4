//! The enclave's way to KMS.

use std::sync::{Arc, PoisonError};

use strongroom_link::Listener;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Plot;

pub(super) async fn serve(listener: Listener, plot: Arc<Plot>) {
    while let Ok((stream, _)) = listener.accept().await {
        let plot = Arc::clone(&plot);
        let elsewhere = plot.misdeeds.lock().unwrap_or_else(PoisonError::into_inner).elsewhere;
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(elsewhere.unwrap_or(plot.kms)).await else { return };
            let (near_reader, near_writer) = stream.into_split();
            let (far_reader, far_writer) = far.into_split();
            tokio::join!(
                carry(near_reader, far_writer, true, &plot),
                carry(far_reader, near_writer, false, &plot)
            );
        });
    }
}

async fn carry<R, W>(mut from: R, mut to: W, outbound: bool, plot: &Plot)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut buffer, track) = (vec![0; 16 * 1024], plot.tape.track());
    while let Ok(got @ 1..) = from.read(&mut buffer).await {
        let mut piece = buffer.get(..got).unwrap_or_default().to_vec();
        plot.tape.append(track, &piece);
        if let Some(carried) = &mut plot.misdeeds.lock().unwrap_or_else(PoisonError::into_inner).carried {
            carried(outbound, &mut piece);
        }
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    // The other side is told that there is no more.
    let _ = to.shutdown().await;
}
