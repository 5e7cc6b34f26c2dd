//! What the tap is compared with: bytes passed on, on a thread of their own, and
//! nothing else.

use std::{convert::Infallible, io, net::SocketAddr, thread};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
};

/// Starts it before a server. It runs as long as the process.
pub(super) fn start(server: SocketAddr) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        let Err(error) = runtime.block_on(accept(listener, server));
        eprintln!("the forwarder has ended: {error}");
    });
    Ok(address)
}

async fn accept(listener: std::net::TcpListener, server: SocketAddr) -> io::Result<Infallible> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut server = TcpStream::connect(server).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        });
    }
}
