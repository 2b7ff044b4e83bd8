//! Takes connections in, so many at a time, and lets none of them idle for ever.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

use crate::stop::{Stop, StopLevel};

/// Connections that wait to be taken in; the system may keep fewer. It forgets those beyond, and who made them finds out
/// after a second, three, seven and so on.
const QUEUE: u32 = 4096;

/// How long a connection may take to ask, for the first time or again.
const HEADERS: Duration = Duration::from_secs(30);

/// How long the system gets to recover when it gives no connection, for want of descriptors for example.
const RECOVERY: Duration = Duration::from_secs(1);

/// How long connections get to close once nothing more is served.
const FAREWELL: Duration = Duration::from_secs(3);

/// Listens where many come at once.
///
/// # Errors
/// The address is somebody else's, or none of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Who was here before may have connections that end.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Serves until `stop` is raised and the requests that are under way then have been answered, or had the time to be. At most
/// so many connections speak HTTP at once; a WebSocket is none any more. The next ones wait in the system's queue.
pub(crate) async fn accept(listener: TcpListener, router: Router, at_most: u32, stop: Stop) {
    let mut farewell = stop.clone();
    tokio::select! {
        () = accept_all(listener, router, at_most, stop) => {}
        () = async {
            farewell.reached(StopLevel::Drain).await;
            tokio::time::sleep(FAREWELL).await;
        } => {}
    }
}

async fn accept_all(listener: TcpListener, router: Router, at_most: u32, mut stop: Stop) {
    let room = Arc::new(Semaphore::new(at_most as usize));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.reached(StopLevel::Drain) => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(RECOVERY).await;
            continue;
        };
        // Small messages are to leave at once; a connection that has gone already ends by itself.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            // How a connection ends is its peer's affair.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stop.reached(StopLevel::Drain) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        });
    }
    drop(listener);
    // All places are free when the last connection has ended.
    let _ = room.acquire_many(at_most).await;
}
